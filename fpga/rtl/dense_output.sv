// dense_output: one output of the first dense layer: its weights by place, the products of S
// places with CH features a cycle, and their sum.
//
//     place --> weights --> product --> sum of channels --> sum of places
//
// 6 cycles from the place to the sum with its products.
module dense_output #(
    parameter int S = 1,
    parameter int R = 1  // times as many passes and places, as in dense_first
) (
    input logic clk_i,
    input logic weight_we_i,  // of the place of cfg_at_i, CH weights
    input logic bias_we_i,  // of the pass in cfg_at_i[1 ..]
    input logic [7+$clog2(R):0] cfg_at_i,
    input logic [sparse_pkg::DATA_W-1:0] cfg_data_i,
    input logic [S*(8+$clog2(R))-1:0] address_i,  // cycle 0: places, with the pass's begin
    input logic [S*sparse_pkg::CH*sparse_pkg::X_W-1:0] x_i,  // cycle 2
    input logic [$clog2(sparse_pkg::PASSES*R)-1:0] pass4_i,  // cycle 4
    input logic valid5_i,  // cycle 5
    input logic first5_i,
    input logic last5_i,
    output logic [sparse_pkg::D1_W-1:0] sum_o  // of a pass, until the next one ends
);
  import sparse_pkg::*;
  localparam int SUM = X_W + W_W + 2;
  localparam int AT = 8 + $clog2(R);
  localparam int PASS = $clog2(PASSES * R);
  (* ram_style = "distributed" *) logic [D1_W-1:0] biases[PASSES*R];

  logic [S*SUM-1:0] sums;
  for (genvar s = 0; s < S; s++) begin : g_s
    (* ram_style = "block" *) logic [CH*W_W-1:0] weight[256*R];
    logic [CH*W_W-1:0] read, w;
    logic signed [X_W+W_W-1:0] m0, m1, m2, p0, p1, p2;
    logic [SUM-1:0] two, three;
    adder_two #(.W(SUM)) u_two (
        .a_i({{2{p0[X_W+W_W-1]}}, p0}), .b_i({{2{p1[X_W+W_W-1]}}, p1}), .sum_o(two));
    adder_two #(.W(SUM)) u_three (.a_i(two), .b_i({{2{p2[X_W+W_W-1]}}, p2}), .sum_o(three));
    always_ff @(posedge clk_i) begin
      if (weight_we_i) weight[cfg_at_i] <= cfg_data_i[CH*W_W-1:0];
      read <= weight[address_i[s*AT+:AT]];
      w <= read;
      m0 <= $signed(x_i[(s*CH+0)*X_W+:X_W]) * $signed(w[0*W_W+:W_W]);
      m1 <= $signed(x_i[(s*CH+1)*X_W+:X_W]) * $signed(w[1*W_W+:W_W]);
      m2 <= $signed(x_i[(s*CH+2)*X_W+:X_W]) * $signed(w[2*W_W+:W_W]);
      {p0, p1, p2} <= {m0, m1, m2};
      sums[s*SUM+:SUM] <= three;
    end
  end

  logic [D1_W-1:0] acc, bias, fresh, next;
  always_comb begin
    fresh = '0;
    for (int s = 0; s < S; s++)
      fresh = fresh + {{(D1_W - SUM) {sums[s*SUM+SUM-1]}}, sums[s*SUM+:SUM]};
  end
  adder_choice #(.W(D1_W)) u_sum (
      .a_i(fresh), .begins_i(first5_i), .begin_i(bias), .before_i(acc), .sum_o(next));
  always_ff @(posedge clk_i) begin
    if (bias_we_i) biases[cfg_at_i[1+:PASS]] <= cfg_data_i[D1_W-1:0];
    bias <= biases[pass4_i];
    if (valid5_i) acc <= next;
    if (valid5_i && last5_i) sum_o <= next;
  end
endmodule
