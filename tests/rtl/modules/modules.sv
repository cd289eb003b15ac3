// modules: the small modules of the kernel side by side, as modules.cpp wants them.
module modules (
    input logic clk_i,
    input logic rst_i,
    // cast_shift, whole and without eights
    input logic [39:0] cast_x_i,
    input logic [4:0] cast_shift_i,
    input logic [2:0] cast_round_i,
    input logic [1:0] cast_overflow_i,
    input logic cast_signed_i,
    input logic [17:0] cast_mask_i,
    output logic [17:0] cast_z_o,
    output logic [17:0] short_z_o,
    // compress and shift_up
    input logic [31:0] active_i,
    input logic [32*17-1:0] value_i,
    output logic [5:0] count_o,
    output logic [19:0] valid_o,
    output logic [20*5-1:0] lane_o,
    output logic [20*17-1:0] value_o,
    input logic [4:0] by_i,
    input logic [20*8-1:0] up_x_i,
    output logic [20*8-1:0] up_y_o,
    // adder_tree
    input logic [20*42-1:0] terms_i,
    output logic [41:0] sum_o,
    // fifo
    input logic put_i,
    input logic take_i,
    input logic [31:0] data_i,
    output logic [31:0] data_o,
    output logic empty_o,
    output logic full_o
);
  cast_shift #(.IN(40), .OUT(18)) u_cast (
      .clk_i, .x_i(cast_x_i), .shift_i(cast_shift_i), .round_i(cast_round_i),
      .overflow_i(cast_overflow_i), .signed_i(cast_signed_i), .mask_i(cast_mask_i),
      .z_o(cast_z_o));
  cast_shift #(.IN(40), .OUT(18), .EIGHTS(0)) u_short (
      .clk_i, .x_i(cast_x_i), .shift_i({2'b00, cast_shift_i[2:0]}), .round_i(cast_round_i),
      .overflow_i(cast_overflow_i), .signed_i(cast_signed_i), .mask_i(cast_mask_i),
      .z_o(short_z_o));
  compress #(.N(20), .V_W(17)) u_compress (
      .clk_i, .active_i, .value_i, .count_o, .valid_o, .lane_o, .value_o);
  shift_up #(.N(20), .W(8), .B(5)) u_up (.clk_i, .x_i(up_x_i), .by_i, .y_o(up_y_o));
  adder_tree #(.N(20), .W(42)) u_tree (.clk_i, .x_i(terms_i), .sum_o);
  fifo #(.W(32), .DEPTH(16)) u_fifo (
      .clk_i, .rst_i, .put_i, .data_i, .take_i, .data_o, .empty_o, .full_o);
endmodule
