// conv_end: from a filter's sum to a feature, 4 cycles: saturate (first generation), bias where
// the sum is not 0, round (and relu), overflow and mask.
module conv_end #(
    parameter int OUT = 18
) (
    input logic clk_i,
    input logic [sparse_pkg::ACC_W-1:0] acc_i,
    input logic keep_i,  // with acc_i: the slot is computed
    input logic rounds_i,  // first generation
    input logic [sparse_pkg::ACC_W-1:0] bias_i,
    input logic [47:0] type_i,  // type word
    output logic [OUT-1:0] x_o
);
  import sparse_pkg::*;
  localparam int HI = ACC_W - SHIFT;
  wire [OUT-1:0] mask = type_i[16+:OUT];
  wire above = rounds_i && |(acc_i[ACC_W-1:SHIFT] & ~{{(HI - OUT) {1'b0}}, mask});
  logic [ACC_W-1:0] sat, sum;
  logic [HI-1:0] rounded, rounded_d;
  logic nonzero, nonzero2, keep1, keep2, keep3;
  // no bias where the sum is 0: then nothing is left of it
  wire [ACC_W-1:0] rectified = (!nonzero2 || (type_i[11] && sum[ACC_W-1])) ? '0 : sum;
  logic [OUT-1:0] z;
  fixed_round #(.IN(ACC_W), .SHIFT(SHIFT)) u_round (
      .y_i(rectified), .mode_i(type_i[2:0]), .z_o(rounded));
  fixed_overflow #(.IN(HI), .OUT(OUT)) u_overflow (
      .y_i(rounded_d), .mask_i(mask), .signed_i(type_i[5]), .mode_i(type_i[4:3]), .z_o(z));
  always_ff @(posedge clk_i) begin
    sat <= above ? {{(HI - OUT) {1'b0}}, mask, {SHIFT{1'b0}}} : acc_i;
    {nonzero2, nonzero} <= {nonzero, |acc_i};
    sum <= sat + bias_i;
    rounded_d <= rounded;
    {keep3, keep2, keep1} <= {keep2, keep1, keep_i};
    x_o <= keep3 ? z : '0;
  end
endmodule
