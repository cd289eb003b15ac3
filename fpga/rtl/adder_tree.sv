// adder_tree: the sum of N words, 3 cycles for N up to 64: four words an adder and cycle.
// Words and sum are W bits, modulo 2^W.
module adder_tree #(
    parameter int N = 20,
    parameter int W = 42
) (
    input logic clk_i,
    input logic [N*W-1:0] x_i,
    output logic [W-1:0] sum_o
);
  localparam int N1 = (N + 3) / 4;
  localparam int N2 = (N1 + 3) / 4;
  wire [4*N1*W-1:0] x0 = (4 * N1 * W)'(x_i);
  logic [N1*W-1:0] s1;
  wire [4*N2*W-1:0] x1 = (4 * N2 * W)'(s1);
  logic [N2*W-1:0] s2;
  wire [4*W-1:0] x2 = (4 * W)'(s2);
  for (genvar i = 0; i < N1; i++) begin : g_1
    always_ff @(posedge clk_i)
      s1[i*W+:W] <= (x0[(4*i)*W+:W] + x0[(4*i+1)*W+:W]) + (x0[(4*i+2)*W+:W] + x0[(4*i+3)*W+:W]);
  end
  for (genvar i = 0; i < N2; i++) begin : g_2
    always_ff @(posedge clk_i)
      s2[i*W+:W] <= (x1[(4*i)*W+:W] + x1[(4*i+1)*W+:W]) + (x1[(4*i+2)*W+:W] + x1[(4*i+3)*W+:W]);
  end
  always_ff @(posedge clk_i)
    sum_o <= (x2[0+:W] + x2[W+:W]) + (x2[2*W+:W] + x2[3*W+:W]);
endmodule
