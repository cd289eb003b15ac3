// score_table: from the last sums to scores: as they are, through a table of 1024 sigmoids (4
// cycles) or through the two tables of a softmax.
//     setup: 0: [1:0] 0 as they are, 1 sigmoid, 2 softmax  [6:2] bits below a step of 1/64,
//               or below the ten highest of the sums
//            1: [17:0] largest sum of exponentials [22:18] bits below its ten highest
//            2: lowest difference (sums' type)  3: type word of the products, [10:6] their shift
// Softmax: the largest score; then a score a cycle: its distance, exponential, sum; one
// reciprocal; a product a cycle. Windows at least 3 outputs + 12 cycles apart.
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
  logic [4:0] shift, inv_shift;
  logic [T_W-1:0] most_sum;
  logic [D2_W-1:0] lowest;
  logic [47:0] types;
  wire setup = cfg_we_i && cfg_unit_i == U_TABLE_SETUP;
  always_ff @(posedge clk_i) begin
    if (setup && cfg_addr_i[1:0] == 2'd0) {shift, mode} <= cfg_data_i[6:0];
    if (setup && cfg_addr_i[1:0] == 2'd1) {inv_shift, most_sum} <= cfg_data_i[T_W+4:0];
    if (setup && cfg_addr_i[1:0] == 2'd2) lowest <= cfg_data_i[D2_W-1:0];
    if (setup && cfg_addr_i[1:0] == 2'd3) types <= cfg_data_i[47:0];
  end

  // ---- softmax: collect, and the largest ----
  (* ram_style = "distributed" *) logic [D2_W-1:0] kept[16];
  logic [3:0] in, n, k, kd, out;
  logic [D2_W-1:0] most;
  logic going;
  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      kept[first_i ? 4'd0 : in] <= y_i;
      in <= (first_i ? 4'd0 : in) + 4'd1;
      if (first_i || $signed(y_i) > $signed(most)) most <= y_i;
    end
    if (rst_i) going <= 1'b0;
    else if (valid_i && last_i && mode == 2'd2) going <= 1'b1;
    else if (k + 4'd1 == n) going <= 1'b0;
    if (valid_i && last_i) begin
      n <= (first_i ? 4'd0 : in) + 4'd1;
      k <= '0;
    end else if (going) k <= k + 4'd1;
  end
  // distance, clamped; e[i]: i cycles after k
  logic [D2_W-1:0] below, clamped;
  logic [5:0] e;
  logic [5:0] e_last;
  always_ff @(posedge clk_i) begin
    e <= rst_i ? '0 : {e[4:0], going};
    e_last <= rst_i ? '0 : {e_last[4:0], going && (k + 4'd1 == n)};
    below <= kept[k] - most;
    clamped <= $signed(below) < $signed(lowest) ? lowest : below;
  end

  // ---- index of a table ----
  wire [D2_W-1:0] raw = mode == 2'd2 ? clamped : y_i;
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
  always_ff @(posedge clk_i) begin
    floor <= D2_W'($signed(raw) >>> shift);
    lost <= |(raw & lost_mask);
    v <= rst_i ? '0 : {v[1:0], valid_i && mode != 2'd2};
    if (mode == 2'd2) index <= floor[9:0];
    else index <= low ? 10'd0 : high ? 10'd1023 : {~step[9], step[8:0]};
    passed <= raw;
    raw_a <= passed[OUT_W-1:0];
    raw_b <= raw_a;
  end

  // ---- tables ----
  (* ram_style = "block" *) logic [T_W-1:0] table_a[1024];
  (* ram_style = "block" *) logic [T_W-1:0] table_b[1024];
  logic [T_W-1:0] entry, inverse, sum;
  wire [9:0] inverse_at = 10'(sum >> inv_shift);
  always_ff @(posedge clk_i) begin
    if (cfg_we_i && cfg_unit_i == U_TABLE && !cfg_addr_i[10]) table_a[cfg_addr_i[9:0]] <= cfg_data_i[T_W-1:0];
    if (cfg_we_i && cfg_unit_i == U_TABLE && cfg_addr_i[10]) table_b[cfg_addr_i[9:0]] <= cfg_data_i[T_W-1:0];
    entry <= table_a[index];
    inverse <= table_b[inverse_at];
  end

  // ---- softmax: exponentials (e[5]: k -> below, clamped, floor, index, entry), sum ----
  (* ram_style = "distributed" *) logic [T_W-1:0] exps[16];
  wire [T_W:0] bigger = {1'b0, sum} + {1'b0, entry};
  logic started, summed;
  wire e5 = e[4];
  wire e5_last = e_last[4];
  always_ff @(posedge clk_i) begin
    if (rst_i || (valid_i && last_i)) started <= 1'b0;
    else if (e5) started <= 1'b1;
    if (e5) begin
      exps[started ? kd : 4'd0] <= entry;
      kd <= (started ? kd : 4'd0) + 4'd1;
      sum <= !started ? entry : bigger > {1'b0, most_sum} ? most_sum : bigger[T_W-1:0];
    end
    summed <= !rst_i && e5 && e5_last;
  end
  // products, one a cycle
  logic giving;
  logic [3:0] given_n;
  logic [2*T_W:0] product;
  logic [4:0] o;
  logic [T_W-1:0] softmax;
  always_ff @(posedge clk_i) begin
    if (rst_i) giving <= 1'b0;
    else if (summed) giving <= 1'b1;
    else if (out + 4'd1 == given_n) giving <= 1'b0;
    if (summed) begin
      out <= '0;
      given_n <= n;
    end else if (giving) out <= out + 4'd1;
    product <= {1'b0, exps[out]} * {1'b0, inverse};
    o <= rst_i ? '0 : {o[3:0], giving};
  end
  cast_shift #(.IN(2 * T_W + 1), .OUT(T_W)) u_cast (
      .clk_i, .x_i(product), .shift_i(types[10:6]), .round_i(types[2:0]), .overflow_i(types[4:3]),
      .signed_i(types[5]), .mask_i(types[16+:T_W]), .z_o(softmax));

  always_comb begin
    valid_o = mode == 2'd2 ? o[3] : v[2];
    if (mode == 2'd2) score_o = {{(OUT_W - T_W) {softmax[T_W-1]}}, softmax};
    else if (mode == 2'd1) score_o = {{(OUT_W - T_W) {entry[T_W-1]}}, entry};
    else score_o = raw_b;
  end
endmodule
