// cast_small: any cast of 18 bits to a type whose point lies 0 to 7 bits further left, 2 cycles.
// A DSP shifts, so that the point is always at bit 7, and adds what the rounding mode wants; as in
// conv_lane a value between two then has nothing below the point.
module cast_small #(
    parameter int OUT = 18
) (
    input logic clk_i,
    input logic [17:0] x_i,  // signed
    input logic [2:0] shift_i,  // all the type is steady
    input logic [2:0] round_i,
    input logic [1:0] overflow_i,
    input logic signed_i,
    input logic [OUT-1:0] mask_i,
    output logic [OUT-1:0] z_o  // from a register through the overflow
);
  localparam int POINT = 7;
  localparam int T = 20;
  logic negative;
  logic [6:0] more;
  always_comb begin
    case (round_i)
      3'd1: more = negative ? 7'h7f : 7'h00;  // TRN_ZERO
      3'd2, 3'd3: more = 7'h40;               // RND, RND_CONV
      3'd4: more = negative ? 7'h40 : 7'h3f;  // RND_ZERO
      3'd5: more = negative ? 7'h3f : 7'h40;  // RND_INF
      3'd6: more = 7'h3f;                     // RND_MIN_INF
      default: more = 7'h00;                  // TRN
    endcase
  end
  always_ff @(posedge clk_i) negative <= x_i[17];
  logic [47:0] p;
  multiply_add u_shift (
      .clk_i, .x_i, .w_i(25'd128 >> shift_i), .c_i({41'd0, more}), .p_o(p));
  wire tie = round_i == 3'd3 && p[POINT-1:0] == '0;
  fixed_overflow #(.IN(T), .OUT(OUT)) u_overflow (
      .y_i({p[POINT+1+:T-1], p[POINT] & ~tie}), .mask_i, .signed_i, .mode_i(overflow_i), .z_o);
endmodule
