// score_table: from the last sums to scores: as they are or through a table of 1024 sigmoids (4
// cycles), or through a softmax.
//     setup: 0: [1:0] 0 as they are, 1 sigmoid, 2 softmax  [6:2] bits below a step of 1/64,
//               or below the ten highest of the sums
//            1: [17:0] largest sum of exponentials [22:18] bits below its ten highest
//            2: lowest difference (sums' type)  3: type word of the products, [10:6] their shift
module score_table (
    input logic clk_i,
    input logic rst_i,
    input logic cfg_we_i,
    input logic [sparse_pkg::UNIT_W-1:0] cfg_unit_i,
    input logic [sparse_pkg::ADDR_W-1:0] cfg_addr_i,
    input logic [sparse_pkg::DATA_W-1:0] cfg_data_i,
    input logic valid_i,
    input logic first_i,
    input logic last_i,
    input logic [sparse_pkg::D2_W-1:0] y_i,
    output logic valid_o,
    output logic [sparse_pkg::OUT_W-1:0] score_o
);
  import sparse_pkg::*;
  localparam int T_W = 18;
  logic [1:0] mode;
  logic [4:0] shift, inverse_shift;
  logic [T_W-1:0] most_sum;
  logic [D2_W-1:0] lowest;
  logic [47:0] types;
  wire setup = cfg_we_i && cfg_unit_i == U_TABLE_SETUP;
  wire softmax_on = mode == 2'd2;
  always_ff @(posedge clk_i) begin
    if (setup && cfg_addr_i[1:0] == 2'd0) {shift, mode} <= cfg_data_i[6:0];
    if (setup && cfg_addr_i[1:0] == 2'd1) {inverse_shift, most_sum} <= cfg_data_i[T_W+4:0];
    if (setup && cfg_addr_i[1:0] == 2'd2) lowest <= cfg_data_i[D2_W-1:0];
    if (setup && cfg_addr_i[1:0] == 2'd3) types <= cfg_data_i[47:0];
  end

  wire table_we = cfg_we_i && cfg_unit_i == U_TABLE;
  logic softmax_valid;
  logic [T_W-1:0] softmax_score;
  softmax #(.T_W(T_W)) u_softmax (
      .clk_i, .rst_i, .exp_we_i(table_we && !cfg_addr_i[10]),
      .inverse_we_i(table_we && cfg_addr_i[10]), .cfg_at_i(cfg_addr_i[9:0]),
      .cfg_data_i(cfg_data_i[T_W-1:0]), .shift_i(shift), .inverse_shift_i(inverse_shift),
      .most_sum_i(most_sum), .lowest_i(lowest), .type_i(types),
      .valid_i(valid_i && softmax_on), .first_i, .last_i, .y_i, .valid_o(softmax_valid),
      .score_o(softmax_score));

  // ---- sigmoid: steps of 1/64, towards 0, from -8 to 8 ----
  logic [D2_W-1:0] lost_mask;
  for (genvar b = 0; b < D2_W; b++) begin : g_lost
    assign lost_mask[b] = {1'b0, shift} > 6'(b);
  end
  logic [D2_W-1:0] floor, passed;
  logic lost;
  logic [2:0] v;
  wire [D2_W-1:0] step = floor + {{(D2_W - 1) {1'b0}}, lost && floor[D2_W-1]};
  wire low = $signed(step) < -512;
  wire high = $signed(step) > 511;
  logic [9:0] index;
  logic [OUT_W-1:0] raw_a, raw_b;
  (* ram_style = "block" *) logic [T_W-1:0] sigmoids[1024];
  logic [T_W-1:0] entry;
  always_ff @(posedge clk_i) begin
    if (table_we && !cfg_addr_i[10]) sigmoids[cfg_addr_i[9:0]] <= cfg_data_i[T_W-1:0];
    floor <= D2_W'($signed(y_i) >>> shift);
    lost <= |(y_i & lost_mask);
    v <= rst_i ? '0 : {v[1:0], valid_i && !softmax_on};
    index <= low ? 10'd0 : high ? 10'd1023 : {~step[9], step[8:0]};
    entry <= sigmoids[index];
    passed <= y_i;
    raw_a <= passed[OUT_W-1:0];
    raw_b <= raw_a;
  end

  always_comb begin
    valid_o = softmax_on ? softmax_valid : v[2];
    if (softmax_on) score_o = {{(OUT_W - T_W) {softmax_score[T_W-1]}}, softmax_score};
    else if (mode == 2'd1) score_o = {{(OUT_W - T_W) {entry[T_W-1]}}, entry};
    else score_o = raw_b;
  end
endmodule
