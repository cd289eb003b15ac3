// dense_output: one output of the first dense layer: its weights by place, the products of S
// places with CH features a cycle, their sum, and the cast of the next layer.
//
//     place --> weights --> product --> sum of channels --> sum of places --> wrap --> round, relu
//                                                                                  --> overflow
// 6 cycles from the place to the first product's sum; x_o 4 cycles after the last.
module dense_output #(
    parameter int S = 1
) (
    input logic clk_i,
    input logic weight_we_i,  // of the place of cfg_at_i, CH weights
    input logic bias_we_i,  // of the pass in cfg_at_i[2:1]
    input logic kind_we_i,  // ... its type word
    input logic [7:0] cfg_at_i,
    input logic [sparse_pkg::DATA_W-1:0] cfg_data_i,
    input logic [sparse_pkg::D1_W-1:0] acc_mask_i,  // bits of the accumulator
    input logic [sparse_pkg::D1_W-1:0] acc_sign_i,  // the highest of them
    input logic [S*8-1:0] address_i,  // cycle 0: places, with the pass's begin
    input logic [S*sparse_pkg::CH*sparse_pkg::X_W-1:0] x_i,  // cycle 2
    input logic [1:0] pass4_i,  // cycle 4
    input logic valid5_i,  // cycle 5
    input logic first5_i,
    input logic [1:0] pass6_i,  // cycle 6
    input logic take_i,  // the cast is ready: 9 cycles after the last place
    output logic [sparse_pkg::X_W-1:0] x_o
);
  import sparse_pkg::*;
  localparam int SUM = X_W + W_W + 2;
  (* ram_style = "distributed" *) logic [D1_W-1:0] biases[PASSES];
  (* ram_style = "distributed" *) logic [X_W+6:0] kinds[PASSES];  // {mask, relu, signed, modes}

  logic [S*SUM-1:0] sums;
  for (genvar s = 0; s < S; s++) begin : g_s
    (* ram_style = "block" *) logic [CH*W_W-1:0] weight[256];
    logic [CH*W_W-1:0] read, w;
    logic signed [X_W+W_W-1:0] m0, m1, m2, p0, p1, p2;
    always_ff @(posedge clk_i) begin
      if (weight_we_i) weight[cfg_at_i] <= cfg_data_i[CH*W_W-1:0];
      read <= weight[address_i[s*8+:8]];
      w <= read;
      m0 <= $signed(x_i[(s*CH+0)*X_W+:X_W]) * $signed(w[0*W_W+:W_W]);
      m1 <= $signed(x_i[(s*CH+1)*X_W+:X_W]) * $signed(w[1*W_W+:W_W]);
      m2 <= $signed(x_i[(s*CH+2)*X_W+:X_W]) * $signed(w[2*W_W+:W_W]);
      {p0, p1, p2} <= {m0, m1, m2};
      sums[s*SUM+:SUM] <= {{2{p0[X_W+W_W-1]}}, p0} + {{2{p1[X_W+W_W-1]}}, p1} + {{2{p2[X_W+W_W-1]}}, p2};
    end
  end

  logic [D1_W-1:0] acc, bias, wrapped, fresh;
  logic [X_W+6:0] kind, kind_d;
  always_comb begin
    fresh = '0;
    for (int s = 0; s < S; s++)
      fresh = fresh + {{(D1_W - SUM) {sums[s*SUM+SUM-1]}}, sums[s*SUM+:SUM]};
  end
  wire sign = |(acc & acc_sign_i);
  wire [D1_W-1:0] rectified = (kind[6] && wrapped[D1_W-1]) ? '0 : wrapped;
  logic [D1_W-SHIFT-1:0] rounded, rounded_d;
  logic [X_W-1:0] z;
  fixed_round #(.IN(D1_W), .SHIFT(SHIFT)) u_round (
      .y_i(rectified), .mode_i(kind[2:0]), .z_o(rounded));
  fixed_overflow #(.IN(D1_W - SHIFT), .OUT(X_W)) u_overflow (
      .y_i(rounded_d), .mask_i(kind_d[7+:X_W]), .signed_i(kind_d[5]), .mode_i(kind_d[4:3]),
      .z_o(z));
  always_ff @(posedge clk_i) begin
    if (bias_we_i) biases[cfg_at_i[2:1]] <= cfg_data_i[D1_W-1:0];
    if (kind_we_i) kinds[cfg_at_i[2:1]] <= {cfg_data_i[16+:X_W], cfg_data_i[11], cfg_data_i[5:0]};
    bias <= biases[pass4_i];
    if (valid5_i) acc <= fresh + (first5_i ? bias : acc);
    wrapped <= (acc & acc_mask_i) | (sign ? ~acc_mask_i : '0);
    kind <= kinds[pass6_i];
    kind_d <= kind;
    rounded_d <= rounded;
    if (take_i) x_o <= z;
  end
endmodule
