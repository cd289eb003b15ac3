// adder_choice: a word plus one of two, modulo 2^W: how a sum begins and goes on. Combinational; a
// module of its own for the reason of adder_two: yosys then chooses in the adder's own LUTs.
module adder_choice #(
    parameter int W = 42
) (
    input logic [W-1:0] a_i,
    input logic begins_i,
    input logic [W-1:0] begin_i,
    input logic [W-1:0] before_i,
    output logic [W-1:0] sum_o
);
  assign sum_o = a_i + (begins_i ? begin_i : before_i);
endmodule
