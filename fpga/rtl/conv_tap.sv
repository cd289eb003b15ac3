// conv_tap: where pixel q lies in the kernel around pixel p, and the address of its weight.
// Kernels up to 8 use {row, column}; row or column 8 of a 9 x 9 kernel lies in a second half,
// so that no multiplier or adder is needed. Combinational.
module conv_tap (
    input logic [sparse_pkg::PLACE-1:0] p_row_i,
    input logic [sparse_pkg::PLACE-1:0] p_col_i,
    input logic [sparse_pkg::PLACE-1:0] q_row_i,
    input logic [sparse_pkg::PLACE-1:0] q_col_i,
    input logic [3:0] k_rows_i,  // 1 .. 9, odd
    input logic [3:0] k_cols_i,
    output logic inside_o,
    output logic [sparse_pkg::TAP_W-1:0] tap_o
);
  wire [7:0] th = {2'b0, q_row_i} - {2'b0, p_row_i} + {5'b0, k_rows_i[3:1]};
  wire [7:0] tw = {2'b0, q_col_i} - {2'b0, p_col_i} + {5'b0, k_cols_i[3:1]};
  // a negative difference is large as an unsigned number
  assign inside_o = th < {4'b0, k_rows_i} && tw < {4'b0, k_cols_i};
  always_comb begin
    if (th[3]) tap_o = {3'b100, tw[3:0]};
    else if (tw[3]) tap_o = {4'b1010, th[2:0]};
    else tap_o = {1'b0, th[2:0], tw[2:0]};
  end
endmodule
