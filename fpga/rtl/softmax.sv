// softmax: the scores of a window, one a cycle, as fractions of the sum of their exponentials.
//
//     scores --> largest --> 5 lanes, twice: exponential --> sum --> reciprocal --> a product
//                                                                                   a cycle
// The first leaves 13 cycles after the last score came; windows at least 5 cycles more than their
// outputs apart.
module softmax #(
    parameter int T_W = 18
) (
    input logic clk_i,
    input logic rst_i,
    input logic exp_we_i,
    input logic inverse_we_i,
    input logic [9:0] cfg_at_i,
    input logic [T_W-1:0] cfg_data_i,
    input logic [4:0] shift_i,  // bits of a distance below its ten highest
    input logic [4:0] inverse_shift_i,  // ... of a sum
    input logic [T_W-1:0] most_sum_i,
    input logic [sparse_pkg::D2_W-1:0] lowest_i,
    input logic [47:0] type_i,  // of the products
    input logic valid_i,
    input logic first_i,
    input logic last_i,
    input logic [sparse_pkg::D2_W-1:0] y_i,
    output logic valid_o,
    output logic [T_W-1:0] score_o
);
  import sparse_pkg::*;
  localparam int LANES = 5;
  localparam int MOST = 2 * LANES;

  // ---- collect, and the largest ----
  logic [MOST*D2_W-1:0] kept;
  logic [MOST-1:0] there;
  logic [3:0] in, n;
  logic [D2_W-1:0] most;
  wire [3:0] at = first_i ? 4'd0 : in;
  always_ff @(posedge clk_i)
    if (valid_i) begin
      for (int i = 0; i < MOST; i++) begin
        if (at == 4'(i)) kept[i*D2_W+:D2_W] <= y_i;
        if (at == 4'(i)) there[i] <= 1'b1;
        else if (first_i) there[i] <= 1'b0;
      end
      in <= at + 4'd1;
      if (last_i) n <= at + 4'd1;
      if (first_i || $signed(y_i) > $signed(most)) most <= y_i;
    end

  // ---- exponentials of five at ph[0], of the others at ph[1]; sum, reciprocal ----
  logic [7:0] ph;
  logic [LANES*T_W-1:0] fresh;
  logic [MOST*T_W-1:0] exps;
  for (genvar i = 0; i < LANES; i++) begin : g_lane
    softmax_lane #(.T_W(T_W)) u_lane (
        .clk_i, .we_i(exp_we_i), .cfg_at_i, .cfg_data_i, .shift_i, .lowest_i, .most_i(most),
        .there_i(ph[1] ? there[LANES+i] : there[i]),
        .y_i(ph[1] ? kept[(LANES+i)*D2_W+:D2_W] : kept[i*D2_W+:D2_W]),
        .exp_o(fresh[i*T_W+:T_W]));
  end
  logic [T_W+2:0] part, part_before, part_c;
  wire [T_W+3:0] total = {1'b0, part_before} + {1'b0, part};
  logic [T_W-1:0] sum, inverse;
  (* ram_style = "block" *) logic [T_W-1:0] inverses[1024];
  wire [9:0] inverse_at = 10'(sum >> inverse_shift_i);
  always_comb begin
    part_c = '0;
    for (int i = 0; i < LANES; i++) part_c = part_c + {3'd0, fresh[i*T_W+:T_W]};
  end
  always_ff @(posedge clk_i) begin
    ph <= rst_i ? '0 : {ph[6:0], valid_i && last_i};
    if (ph[4]) exps[0+:LANES*T_W] <= fresh;
    if (ph[5]) exps[LANES*T_W+:LANES*T_W] <= fresh;
    {part_before, part} <= {part, part_c};
    if (ph[6]) sum <= total > {4'd0, most_sum_i} ? most_sum_i : total[T_W-1:0];
    if (inverse_we_i) inverses[cfg_at_i] <= cfg_data_i;
    inverse <= inverses[inverse_at];
  end

  // ---- products ----
  logic giving;
  logic [3:0] out, o;
  logic [T_W-1:0] chosen;
  logic [2*T_W:0] product;
  always_comb begin
    chosen = '0;
    for (int i = 0; i < MOST; i++) if (out == 4'(i)) chosen = chosen | exps[i*T_W+:T_W];
  end
  always_ff @(posedge clk_i) begin
    if (rst_i) giving <= 1'b0;
    else if (ph[7]) giving <= 1'b1;
    else if (out + 4'd1 == n) giving <= 1'b0;
    if (ph[7]) out <= '0;
    else if (giving) out <= out + 4'd1;
    product <= {1'b0, chosen} * {1'b0, inverse};
    o <= rst_i ? '0 : {o[2:0], giving};
  end
  cast_shift #(.IN(2 * T_W + 1), .OUT(T_W)) u_cast (
      .clk_i, .x_i(product), .shift_i(type_i[10:6]), .round_i(type_i[2:0]),
      .overflow_i(type_i[4:3]), .signed_i(type_i[5]), .mask_i(type_i[16+:T_W]), .z_o(score_o));
  assign valid_o = o[3];
endmodule
