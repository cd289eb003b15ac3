// in_turn: of R words side by side the one whose turn it is: what lanes that R slots share look at.
// Combinational; with R = 1 a wire.
module in_turn #(
    parameter int W = 1,
    parameter int R = 1  // 1, 2 or 4
) (
    input logic [1:0] turn_i,  // 0 .. R - 1
    input logic [R*W-1:0] x_i,
    output logic [W-1:0] x_o
);
  always_comb begin
    x_o = x_i[W-1:0];
    for (int i = 1; i < R; i++) if (turn_i == 2'(i)) x_o = x_i[i*W+:W];
  end
endmodule
