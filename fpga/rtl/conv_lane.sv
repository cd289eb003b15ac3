// conv_lane: one product a cycle of a convolution, with the weights of one filter (or channel).
//
//     tap -> weight -> product -> plus the channel before and a half -> clip -> r      4 cycles
//
// First generation: the product plus the channel before is rounded half to even at bit SHIFT and
// clipped to an unsigned type. Second: exact. The weight is loaded already shifted, so that the
// point of the target is always at bit SHIFT.
//
// Rounding has no adder: the half is added in the DSP. If nothing is left below the point then, the
// value lay between two, and the last bit is cleared: that is the even one of the two.
module conv_lane #(
    parameter bit CHAINS = 1  // 0: no channel comes after
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
    input logic chains_i,  // gives its result to the channel after
    input logic [sparse_pkg::ACC_W-1:0] chain_i,  // cycle 2: chain_o of the channel before, or 0
    output logic [sparse_pkg::ACC_W-1:0] r_o,
    output logic [sparse_pkg::ACC_W-1:0] chain_o  // r_o, or 0 if it does not chain
);
  import sparse_pkg::*;
  localparam int HI = ACC_W - SHIFT;

  (* ram_style = "block" *) logic [CW_W-1:0] weight[2**TAP_W];
  logic [CW_W-1:0] w;
  always_ff @(posedge clk_i) begin
    if (cfg_we_i) weight[cfg_tap_i] <= cfg_weight_i;
    if (!inside_i) w <= '0;
    else w <= weight[tap_i];
  end

  // a first generation's chain has nothing below the point
  wire [47:0] plus = {{(48 - ACC_W) {chain_i[ACC_W-1]}}, chain_i[ACC_W-1:SHIFT],
                      rounds_i | chain_i[SHIFT-1], chain_i[SHIFT-2:0]};
  logic [47:0] p;
  multiply_add u_product (.clk_i, .x_i, .w_i({{3{w[CW_W-1]}}, w}), .c_i(plus), .p_o(p));

  wire tie = p[SHIFT-1:0] == '0;
  wire [HI-1:0] high = p[ACC_W-1:SHIFT];
  wire above = |(high & ~{{(HI - X_W) {1'b0}}, mask_i});
  wire [X_W-1:0] clipped = high[HI-1] ? '0 : above ? mask_i : {high[X_W-1:1], high[0] & ~tie};
  wire [X_W-1:0] middle = rounds_i ? clipped : high[X_W-1:0];
  always_ff @(posedge clk_i) begin
    r_o[SHIFT+:X_W] <= middle;
    if (rounds_i) {r_o[ACC_W-1:SHIFT+X_W], r_o[SHIFT-1:0]} <= '0;
    else {r_o[ACC_W-1:SHIFT+X_W], r_o[SHIFT-1:0]} <= {high[HI-1:X_W], p[SHIFT-1:0]};
  end
  if (CHAINS) begin : g_chain
    always_ff @(posedge clk_i) begin
      if (!chains_i) chain_o[SHIFT+:X_W] <= '0;
      else chain_o[SHIFT+:X_W] <= middle;
      if (!chains_i || rounds_i) {chain_o[ACC_W-1:SHIFT+X_W], chain_o[SHIFT-1:0]} <= '0;
      else {chain_o[ACC_W-1:SHIFT+X_W], chain_o[SHIFT-1:0]} <= {high[HI-1:X_W], p[SHIFT-1:0]};
    end
  end else begin : g_none
    assign chain_o = '0;
  end
endmodule
