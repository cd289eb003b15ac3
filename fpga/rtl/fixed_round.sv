// fixed_round: drops the lowest SHIFT bits by any rounding mode of ap_fixed (docs/model.md).
// Combinational.
module fixed_round #(
    parameter int IN = 42,
    parameter int SHIFT = 12
) (
    input logic [IN-1:0] y_i,
    input logic [2:0] mode_i,
    output logic [IN-SHIFT-1:0] z_o
);
  wire half = y_i[SHIFT-1];
  wire rest = |y_i[SHIFT-2:0];
  wire negative = y_i[IN-1];
  logic up;
  always_comb begin
    case (mode_i)
      3'd1: up = negative & (half | rest);   // TRN_ZERO
      3'd2: up = half;                       // RND
      3'd3: up = half & (rest | y_i[SHIFT]);  // RND_CONV
      3'd4: up = half & (rest | negative);   // RND_ZERO
      3'd5: up = half & (rest | ~negative);  // RND_INF
      3'd6: up = half & rest;                // RND_MIN_INF
      default: up = 1'b0;                    // TRN
    endcase
  end
  assign z_o = y_i[IN-1:SHIFT] + {{(IN - SHIFT - 1) {1'b0}}, up};
endmodule
