// adder_gated: the sum of those of two words that count, modulo 2^W. Combinational; a module of its
// own for the reason of adder_two.
module adder_gated #(
    parameter int W = 29
) (
    input logic [W-1:0] a_i,
    input logic [W-1:0] b_i,
    input logic [1:0] on_i,  // {b, a}
    output logic [W-1:0] sum_o
);
  assign sum_o = (on_i[0] ? a_i : '0) + (on_i[1] ? b_i : '0);
endmodule
