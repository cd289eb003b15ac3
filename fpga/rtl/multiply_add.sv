// multiply_add: a product plus a word, 2 cycles: one DSP48E2 and nothing else (product register
// and output register; w is its port A, x its port B). yosys does not use the adder of a DSP for
// this family, so measure.py takes this module as the one DSP it is, after yosys has packed it into
// one DSP48E1 of the 7 series.
(* use_dsp = "yes" *)
module multiply_add (
    input logic clk_i,
    input logic [17:0] x_i,  // signed
    input logic [24:0] w_i,  // signed
    input logic [47:0] c_i,  // a cycle later
    output logic [47:0] p_o
);
  logic signed [42:0] m;
  always_ff @(posedge clk_i) begin
    m <= $signed(x_i) * $signed(w_i);
    p_o <= {{5{m[42]}}, m} + c_i;
  end
endmodule
