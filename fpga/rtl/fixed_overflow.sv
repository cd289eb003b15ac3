// fixed_overflow: brings a value into a type by any overflow mode of ap_fixed. The type is a
// mask of its bits and whether it is signed; a mask of 0 gives 0. Combinational.
module fixed_overflow #(
    parameter int IN = 30,
    parameter int OUT = 18
) (
    input logic [IN-1:0] y_i,
    input logic [OUT-1:0] mask_i,
    input logic signed_i,
    input logic [1:0] mode_i,  // 0 wrap, 1 saturate, 2 saturate symmetrically
    output logic [OUT-1:0] z_o
);
  wire [OUT-1:0] magnitude = signed_i ? mask_i >> 1 : mask_i;  // largest value
  wire [OUT-1:0] sign_bit = mask_i & ~(mask_i >> 1);
  wire negative = y_i[IN-1];
  wire [IN-1:0] above = y_i & ~{{(IN - OUT) {1'b0}}, magnitude};
  wire [IN-1:0] below = y_i | {{(IN - OUT) {1'b0}}, magnitude};
  wire fits = (above == '0) || (signed_i && (&below));
  wire lowest = (y_i[OUT-1:0] == ~magnitude) && (mode_i == 2'd2) && signed_i;
  wire [OUT-1:0] least = signed_i ? {~magnitude[OUT-1:1], ~magnitude[0] | (mode_i == 2'd2)} : '0;
  wire wrapped_negative = signed_i && (|(y_i[OUT-1:0] & sign_bit));
  wire [OUT-1:0] wrapped = (y_i[OUT-1:0] & mask_i) | (wrapped_negative ? ~mask_i : '0);
  wire in_range = fits && !lowest;
  always_comb begin
    if (mask_i == '0) z_o = '0;
    else if (mode_i == 2'd0) z_o = wrapped;
    else if (in_range) z_o = y_i[OUT-1:0];
    else z_o = negative ? least : magnitude;
  end
endmodule
