// adder_tree: the sum of N words, 3 cycles for N up to 64: four words an adder and cycle.
// Words and sum are W bits, modulo 2^W.
module adder_tree #(
    parameter int N = 20,
    parameter int W = 42
) (
    input logic clk_i,
    input logic [N*W-1:0] x_i,
    output logic [W-1:0] sum_o
);
  localparam int N1 = (N + 3) / 4;
  localparam int N2 = (N1 + 3) / 4;
  logic [N1*W-1:0] s1;
  logic [N2*W-1:0] s2;
  for (genvar i = 0; i < N1; i++) begin : g_1
    localparam int C = N - 4 * i < 4 ? N - 4 * i : 4;
    adder_four #(.C(C), .W(W)) u_sum (.clk_i, .x_i(x_i[4*i*W+:C*W]), .sum_o(s1[i*W+:W]));
  end
  for (genvar i = 0; i < N2; i++) begin : g_2
    localparam int C = N1 - 4 * i < 4 ? N1 - 4 * i : 4;
    adder_four #(.C(C), .W(W)) u_sum (.clk_i, .x_i(s1[4*i*W+:C*W]), .sum_o(s2[i*W+:W]));
  end
  adder_four #(.C(N2), .W(W)) u_sum (.clk_i, .x_i(s2), .sum_o);
endmodule
