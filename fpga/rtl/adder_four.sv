// adder_four: the sum of C words, 1 to 4, modulo 2^W; 1 cycle.
module adder_four #(
    parameter int C = 4,
    parameter int W = 42
) (
    input logic clk_i,
    input logic [C*W-1:0] x_i,
    output logic [W-1:0] sum_o
);
  logic [W-1:0] low, high, sum;
  if (C == 1) begin : g_low
    assign low = x_i;
  end else begin : g_low
    adder_two #(.W(W)) u_low (.a_i(x_i[0+:W]), .b_i(x_i[W+:W]), .sum_o(low));
  end
  if (C == 4) begin : g_high
    adder_two #(.W(W)) u_high (.a_i(x_i[2*W+:W]), .b_i(x_i[3*W+:W]), .sum_o(high));
  end else if (C == 3) begin : g_high
    assign high = x_i[2*W+:W];
  end
  if (C > 2) begin : g_sum
    adder_two #(.W(W)) u_sum (.a_i(low), .b_i(high), .sum_o(sum));
  end else begin : g_sum
    assign sum = low;
  end
  always_ff @(posedge clk_i) sum_o <= sum;
endmodule
