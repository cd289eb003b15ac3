// shift_up: N entries moved up by 0 to 2^B - 1 places, what enters is 0; 2 cycles: by fours, by
// ones.
module shift_up #(
    parameter int N = 20,
    parameter int W = 23,
    parameter int B = 5  // at least 3; 2^B > N, so that all of them can be moved out
) (
    input logic clk_i,
    input logic [N*W-1:0] x_i,
    input logic [B-1:0] by_i,
    output logic [N*W-1:0] y_o
);
  localparam int FOURS = 2 ** (B - 2);
  logic [N*W-1:0] fours;
  logic [1:0] ones;
  logic [N*W-1:0] fours_c, ones_c;
  always_comb begin
    fours_c = '0;
    ones_c = '0;
    for (int k = 0; k < FOURS; k++) if (by_i[B-1:2] == (B - 2)'(k)) fours_c = x_i << (4 * k * W);
    for (int k = 0; k < 4; k++) if (ones == 2'(k)) ones_c = fours << (k * W);
  end
  always_ff @(posedge clk_i) begin
    fours <= fours_c;
    ones <= by_i[1:0];
    y_o <= ones_c;
  end
endmodule
