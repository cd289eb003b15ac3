// adder_two: the sum of two words, modulo 2^W. Combinational. A module of its own, so that yosys
// keeps one carry chain for each: of three words it makes a carry-save adder, half as large again.
module adder_two #(
    parameter int W = 42
) (
    input logic [W-1:0] a_i,
    input logic [W-1:0] b_i,
    output logic [W-1:0] sum_o
);
  assign sum_o = a_i + b_i;
endmodule
