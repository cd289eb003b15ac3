// conv_tap: where pixel q lies in the kernel around pixel p, and the address of its weight.
// Kernels up to 8 use {row, column}; row or column 8 of a 9 x 9 kernel lies in a second half,
// so that no multiplier or adder is needed. Half a kernel is taken off one of the two places
// outside, once for all lanes. Combinational.
module conv_tap (
    input logic [7:0] row0_i,  // of the kernel's first tap, where its middle lies on p; signed
    input logic [7:0] col0_i,
    input logic [7:0] row_i,  // of q
    input logic [7:0] col_i,
    input logic [3:0] k_rows_i,  // 1 .. 9, odd
    input logic [3:0] k_cols_i,
    output logic inside_o,
    output logic [sparse_pkg::TAP_W-1:0] tap_o
);
  wire [7:0] th = row_i - row0_i;
  wire [7:0] tw = col_i - col0_i;
  // a negative difference is large as an unsigned number
  assign inside_o = th < {4'b0, k_rows_i} && tw < {4'b0, k_cols_i};
  always_comb begin
    if (th[3]) tap_o = {3'b100, tw[3:0]};
    else if (tw[3]) tap_o = {4'b1010, th[2:0]};
    else tap_o = {1'b0, th[2:0], tw[2:0]};
  end
endmodule
