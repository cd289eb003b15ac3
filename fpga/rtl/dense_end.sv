// dense_end: from the sums of the first dense layer to what the second multiplies, 3 cycles: wrap
// in the accumulator's type, round (and relu), overflow. An end serves G outputs, one a cycle.
module dense_end #(
    parameter int G = 1,  // a power of 2
    parameter int R = 1  // times as many passes, as in dense_first
) (
    input logic clk_i,
    input logic we_i,  // a type word
    input logic [$clog2(sparse_pkg::PASSES*R*G)-1:0] cfg_at_i,  // {pass, output}
    input logic [sparse_pkg::DATA_W-1:0] cfg_data_i,
    input logic [sparse_pkg::D1_W-1:0] acc_mask_i,  // bits of the accumulator
    input logic [sparse_pkg::D1_W-1:0] acc_sign_i,  // the highest of them
    input logic [$clog2(sparse_pkg::PASSES*R*G)-1:0] at_i,  // {pass, output} whose sum comes
    input logic [sparse_pkg::D1_W-1:0] acc_i,
    output logic [sparse_pkg::X_W-1:0] z_o  // 2 cycles later, not yet registered
);
  import sparse_pkg::*;
  (* ram_style = "distributed" *) logic [X_W+6:0] kinds[PASSES*R*G];  // {mask, relu, signed, modes}
  logic [X_W+6:0] kind, kind_d;
  logic [D1_W-1:0] wrapped;
  wire sign = |(acc_i & acc_sign_i);
  wire [D1_W-1:0] rectified = (kind[6] && wrapped[D1_W-1]) ? '0 : wrapped;
  logic [D1_W-SHIFT-1:0] rounded, rounded_d;
  fixed_round #(.IN(D1_W), .SHIFT(SHIFT)) u_round (
      .y_i(rectified), .mode_i(kind[2:0]), .z_o(rounded));
  fixed_overflow #(.IN(D1_W - SHIFT), .OUT(X_W)) u_overflow (
      .y_i(rounded_d), .mask_i(kind_d[7+:X_W]), .signed_i(kind_d[5]), .mode_i(kind_d[4:3]),
      .z_o);
  always_ff @(posedge clk_i) begin
    if (we_i) kinds[cfg_at_i] <= {cfg_data_i[16+:X_W], cfg_data_i[11], cfg_data_i[5:0]};
    wrapped <= (acc_i & acc_mask_i) | (sign ? ~acc_mask_i : '0);
    kind <= kinds[at_i];
    kind_d <= kind;
    rounded_d <= rounded;
  end
endmodule
