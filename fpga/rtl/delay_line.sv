// delay_line: a word as it was 0, 1 .. N cycles ago, side by side.
module delay_line #(
    parameter int W = 1,
    parameter int N = 1,
    parameter bit RESET = 0
) (
    input logic clk_i,
    input logic rst_i,
    input logic [W-1:0] d_i,
    output logic [(N+1)*W-1:0] q_o  // q_o[i*W +: W]: i cycles ago
);
  logic [N*W-1:0] kept;
  assign q_o = {kept, d_i};
  always_ff @(posedge clk_i) kept <= (RESET && rst_i) ? '0 : q_o[N*W-1:0];
endmodule
