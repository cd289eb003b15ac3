// fixed_overflow: brings a value into a type by any overflow mode of ap_fixed. The type is the bits
// of its largest value and whether it is signed; no bits and not signed gives 0. Combinational.
module fixed_overflow #(
    parameter int IN = 30,  // more than OUT
    parameter int OUT = 18
) (
    input logic [IN-1:0] y_i,
    input logic [OUT-1:0] mask_i,  // of the largest value: ones from bit 0 on
    input logic signed_i,
    input logic [1:0] mode_i,  // 0 wrap, 1 saturate, 2 saturate symmetrically
    output logic [OUT-1:0] z_o
);
  wire [IN-1:0] largest = {{(IN - OUT) {1'b0}}, mask_i};
  wire negative = y_i[IN-1];
  wire symmetric = mode_i == 2'd2;
  wire fits = (y_i & ~largest) == '0 ||
      (signed_i && (&(y_i | largest)) && !(symmetric && (y_i & largest) == '0));
  wire saturates = mode_i != 2'd0 && !fits;
  wire [OUT-1:0] sign_bit = {mask_i[OUT-2:0], 1'b1} & ~mask_i;
  // what stands in front of the largest value's bits
  wire sign = signed_i && (saturates ? negative : |(y_i[OUT-1:0] & sign_bit));
  always_comb begin
    for (int i = 0; i < OUT; i++)
      z_o[i] = !mask_i[i] ? sign : saturates ? !negative : y_i[i];
    if (saturates && sign && symmetric) z_o[0] = 1'b1;
  end
endmodule
