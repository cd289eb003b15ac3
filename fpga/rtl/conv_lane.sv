// conv_lane: one product a cycle of a convolution, with the weights of one filter (or channel).
//
//     tap -> weight -> product -> product -> add, round, clip -> r          4 cycles
//
// First generation: the product plus the channel before is rounded half to even at bit SHIFT and
// clipped to an unsigned type. Second: exact. The weight is loaded already shifted, so that the
// point of the target is always at bit SHIFT.
module conv_lane #(
    parameter bit CHAINS = 1  // 0: no channel is before
) (
    input logic clk_i,
    input logic cfg_we_i,  // writes a weight; the lane is idle then
    input logic [sparse_pkg::TAP_W-1:0] cfg_tap_i,
    input logic [sparse_pkg::CW_W-1:0] cfg_weight_i,
    input logic inside_i,  // cycle 0
    input logic [sparse_pkg::TAP_W-1:0] tap_i,
    input logic [sparse_pkg::X_W-1:0] x_i,  // cycle 1, signed
    input logic rounds_i,  // first generation
    input logic [sparse_pkg::X_W-1:0] mask_i,  // ... and its type's bits
    input logic chains_i,  // adds:
    input logic [sparse_pkg::ACC_W-1:0] chain_i,  // cycle 3: result of the channel before
    output logic [sparse_pkg::ACC_W-1:0] r_o
);
  import sparse_pkg::*;
  localparam int P_W = X_W + CW_W;
  localparam int HI = ACC_W - SHIFT;

  (* ram_style = "distributed" *) logic [CW_W-1:0] weight[2**TAP_W];
  wire [TAP_W-1:0] address = cfg_we_i ? cfg_tap_i : tap_i;
  always_ff @(posedge clk_i) if (cfg_we_i) weight[address] <= cfg_weight_i;

  logic signed [CW_W-1:0] w;
  logic signed [P_W-1:0] m, p;
  always_ff @(posedge clk_i) begin
    w <= inside_i ? weight[address] : '0;
    m <= $signed(x_i) * w;
    p <= m;
  end

  wire [ACC_W-1:0] chain = CHAINS && chains_i ? chain_i : '0;
  wire [SHIFT:0] low = {1'b0, p[SHIFT-1:0]} + {1'b0, chain[SHIFT-1:0]};
  wire odd = p[SHIFT] ^ chain[SHIFT];
  wire up = p[SHIFT-1] & (odd | (|p[SHIFT-2:0]));
  wire carry = rounds_i ? up : low[SHIFT];
  // one carry chain: the carry enters through a bit below
  wire [HI:0] high2 = {{(ACC_W - P_W) {p[P_W-1]}}, p[P_W-1:SHIFT], 1'b1} + {chain[ACC_W-1:SHIFT], carry};
  wire [HI-1:0] high = high2[HI:1];
  wire above = |(high & ~{{(HI - X_W) {1'b0}}, mask_i});
  always_ff @(posedge clk_i) begin
    if (!rounds_i) r_o <= {high, low[SHIFT-1:0]};
    else if (high[HI-1]) r_o <= '0;
    else if (above) r_o <= {{(HI - X_W) {1'b0}}, mask_i, {SHIFT{1'b0}}};
    else r_o <= {high, {SHIFT{1'b0}}};
  end
endmodule
