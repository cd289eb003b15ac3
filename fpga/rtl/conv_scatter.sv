// conv_scatter: the second convolution: each slot that comes in is at once added to every output
// slot near it, so that it overlaps with the first one. One channel to CH filters, or a chain of
// CH channels to one filter: then lane f works 2f cycles later and takes the sum of lane f - 1.
//
//     slot q --> tap against all p --> N x CH lanes --> N x CH sums --> E slots a cycle: end
//
// The order of q is free: sums are modular, or unsigned and saturating (docs/model.md). The
// whole window leaves at once, 7 + N/E + 4 cycles after its last slots, in a chain 4 later; S slots
// may come in every cycle, windows at least N/S cycles apart, and 10.
//
// R > 1: N/R lanes a channel, which serve the output slots p, p + N/R .. in turn, each with a ring of
// R sums behind it; a slot may come every R cycles. Sums that are made wait in a memory behind each
// lane for the one end of their channel; a register between the two takes a cycle more.
module conv_scatter #(
    parameter int N = 20,
    parameter int S = 1,  // divides N
    parameter int R = 1,  // slots that share a lane: 1, 2 or 4, divides N; 1 where S > 1
    parameter bit CHAINS = 1,  // 0: one channel comes in, whatever is loaded
    parameter int E = R == 1 ? 5 * S : 1  // 1 with R > 1
) (
    input logic clk_i,
    input logic rst_i,
    input logic cfg_we_i,
    input logic [sparse_pkg::UNIT_W-1:0] cfg_unit_i,
    input logic [sparse_pkg::ADDR_W-1:0] cfg_addr_i,
    input logic [sparse_pkg::DATA_W-1:0] cfg_data_i,
    input logic valid_i,
    input logic first_i,
    input logic last_i,
    input logic [N*sparse_pkg::PLACE-1:0] p_row_i,  // of all slots, with first_i
    input logic [N*sparse_pkg::PLACE-1:0] p_col_i,
    input logic [S*sparse_pkg::PLACE-1:0] row_i,
    input logic [S*sparse_pkg::PLACE-1:0] col_i,
    input logic [S-1:0] occupied_i,
    input logic [S*sparse_pkg::CH*sparse_pkg::X_W-1:0] x_i,
    input logic [S*(sparse_pkg::KEY_W+1)-1:0] key_i,  // {in a whole place, its number}: 1 cycle later
    output logic valid_o,  // for a cycle, with all slots
    output logic [N*sparse_pkg::CH*sparse_pkg::Y_W-1:0] y_o,
    output logic [N*(sparse_pkg::KEY_W+1)-1:0] key_o
);
  import sparse_pkg::*;
  localparam int LANES = N / R;
  localparam int GROUPS = (N + E - 1) / E;
  localparam int LATE = R > 1;
  localparam int K = KEY_W + 1;

  logic [3:0] k_rows, k_cols;
  logic rounds, mask_slot, chain_set;
  wire chain = CHAINS && chain_set;
  logic [CH*ACC_W-1:0] bias;
  logic [CH*48-1:0] types;
  conv_setup u_setup (
      .clk_i, .we_i(cfg_we_i && cfg_unit_i == U_B_SETUP), .addr_i(cfg_addr_i[4:0]),
      .data_i(cfg_data_i), .k_rows_o(k_rows), .k_cols_o(k_cols), .rounds_o(rounds),
      .mask_slot_o(mask_slot), .chain_o(chain_set), .bias_o(bias), .type_o(types));

  // ---- slots q and what goes with them; v[i]: i cycles after the input ----
  localparam int DEEP = 12;
  logic [DEEP-1:0] v_d, f_d, l_d;
  wire [DEEP:0] v = {v_d, valid_i};
  wire [DEEP:0] f = {f_d, valid_i && first_i};
  wire [DEEP:0] l = {l_d, valid_i && last_i};
  logic [S*8-1:0] q_row, q_col;  // half a kernel on
  logic [S*CH*X_W-1:0] x1, x2, x3, x4, x5, x6, x7;
  logic [N*PLACE-1:0] p_row, p_col;
  logic [S-1:0] keep_q;
  always_ff @(posedge clk_i) begin
    v_d <= rst_i ? '0 : v[DEEP-1:0];
    f_d <= f[DEEP-1:0];
    l_d <= rst_i ? '0 : l[DEEP-1:0];
    if (R == 1 || valid_i) begin
      for (int s = 0; s < S; s++) begin
        q_row[s*8+:8] <= {2'b0, row_i[s*PLACE+:PLACE]} + {5'b0, k_rows[3:1]};
        q_col[s*8+:8] <= {2'b0, col_i[s*PLACE+:PLACE]} + {5'b0, k_cols[3:1]};
      end
      x1 <= x_i;
    end
    x2 <= x1;
    x3 <= x2;
    x4 <= x3;
    x5 <= x4;
    x6 <= x5;
    x7 <= x6;
    for (int s = 0; s < S; s++) keep_q[s] <= mask_slot ? occupied_i[s] : |x_i[s*CH*X_W+:CH*X_W];
    if (f[0]) {p_row, p_col} <= {p_row_i, p_col_i};
  end

  // ---- turns of the lanes: as v, f and l from cycle 1 on, but for all R turns of a slot ----
  logic [DEEP:0] tv, tf, tl;
  logic [(DEEP+1)*2-1:0] turn;
  if (R == 1) begin : g_no_turns
    assign {tv, tf, tl, turn} = {v, f, l, {(2 * DEEP + 2) {1'b0}}};
  end else begin : g_turns
    logic goes, is_first, is_last;
    logic [1:0] now;
    always_ff @(posedge clk_i) begin
      if (rst_i) goes <= 1'b0;
      else if (valid_i) goes <= 1'b1;
      else if (now == 2'(R - 1)) goes <= 1'b0;
      if (valid_i) {is_first, is_last} <= {first_i, last_i};
      now <= valid_i ? 2'd0 : now + 2'd1;
    end
    logic [DEEP*5-1:0] t;
    delay_line #(.W(5), .N(DEEP - 1), .RESET(1)) u_t (
        .clk_i, .rst_i, .d_i({goes, goes && is_first, goes && is_last, now}), .q_o(t));
    for (genvar i = 0; i <= DEEP; i++) begin : g_i
      assign {tv[i], tf[i], tl[i], turn[i*2+:2]} = i == 0 ? 5'd0 : t[(i-1)*5+:5];
    end
  end

  // the last sum of the first turn is made
  wire ends = chain ? tl[11] && turn[11*2+:2] == 2'd0 : tl[7] && turn[7*2+:2] == 2'd0;

  // ---- mask and place of every slot, kept until the sums are ready ----
  logic [N-1:0] keep, keep_last, keep_end;
  logic [N*K-1:0] key, key_last, key_end;
  always_ff @(posedge clk_i) begin
    if (v[1]) begin
      keep <= {keep_q, keep[N-1:S]};
      key <= {key_i, key[N*K-1:S*K]};
    end
    if (l[2]) {keep_last, key_last} <= {keep, key};
    if (ends) {keep_end, key_end} <= {keep_last, key_last};
  end

  // ---- lanes and sums: a filter sees the one channel, a link of a chain its own ----
  logic [LANES*CH*ACC_W-1:0] newest;
  for (genvar p = 0; p < LANES; p++) begin : g_p
    logic [R*2*PLACE-1:0] places;
    logic [2*PLACE-1:0] place;
    for (genvar i = 0; i < R; i++) begin : g_place
      assign places[i*2*PLACE+:2*PLACE] = {p_row[(i*LANES+p)*PLACE+:PLACE],
                                           p_col[(i*LANES+p)*PLACE+:PLACE]};
    end
    in_turn #(.W(2 * PLACE), .R(R)) u_place (.turn_i(turn[1*2+:2]), .x_i(places), .x_o(place));
    logic [S*CH*ACC_W-1:0] r, next;
    for (genvar s = 0; s < S; s++) begin : g_s
      logic near_c, near;
      logic [TAP_W-1:0] tap_c, tap;
      wire [X_W-1:0] x_0 = x3[s*CH*X_W+:X_W];
      wire [X_W-1:0] x_1 = chain ? x5[(s*CH+1)*X_W+:X_W] : x_0;
      wire [X_W-1:0] x_2 = chain ? x7[(s*CH+2)*X_W+:X_W] : x_0;
      conv_tap u_tap (
          .row0_i({2'b0, place[PLACE+:PLACE]}), .col0_i({2'b0, place[PLACE-1:0]}),
          .row_i(q_row[s*8+:8]), .col_i(q_col[s*8+:8]), .k_rows_i(k_rows), .k_cols_i(k_cols),
          .inside_o(near_c), .tap_o(tap_c));
      // at the cycle in which a lane wants them
      logic [5*(TAP_W+1)-1:0] at;
      delay_line #(.W(TAP_W + 1), .N(4)) u_at (
          .clk_i, .rst_i, .d_i({near, tap}), .q_o(at));
      always_ff @(posedge clk_i) {near, tap} <= {near_c && tv[1], tap_c};
      for (genvar c = 0; c < CH; c++) begin : g_c
        logic [ACC_W-1:0] from;
        wire near_here = chain ? at[2*c*(TAP_W+1)+TAP_W] : near;
        wire [TAP_W-1:0] tap_here = chain ? at[2*c*(TAP_W+1)+:TAP_W] : tap;
        if (c == 0 || !CHAINS) begin : g_head
          assign from = '0;
        end else begin : g_chain
          assign from = next[(s*CH+c-1)*ACC_W+:ACC_W];
        end
        conv_lane #(.CHAINS(CHAINS && c != CH - 1)) u_lane (
            .clk_i, .cfg_we_i(cfg_we_i && cfg_unit_i == U_B_WEIGHT && cfg_addr_i[8:7] == c),
            .cfg_tap_i(cfg_addr_i[TAP_W-1:0]), .cfg_weight_i(cfg_data_i[CW_W-1:0]),
            .inside_i(near_here), .tap_i(tap_here), .x_i(c == 0 ? x_0 : c == 1 ? x_1 : x_2),
            .rounds_i(rounds), .mask_i(types[c*48+16+:X_W]), .chains_i(chain), .chain_i(from),
            .r_o(r[(s*CH+c)*ACC_W+:ACC_W]), .chain_o(next[(s*CH+c)*ACC_W+:ACC_W]));
      end
    end
    for (genvar c = 0; c < CH; c++) begin : g_sum
      logic [R*ACC_W-1:0] ring;
      logic [ACC_W-1:0] fresh, next_acc;
      assign newest[(p*CH+c)*ACC_W+:ACC_W] = ring[ACC_W-1:0];
      always_comb begin
        fresh = r[c*ACC_W+:ACC_W];
        for (int s = 1; s < S; s++) fresh = fresh + r[(s*CH+c)*ACC_W+:ACC_W];
      end
      adder_choice #(.W(ACC_W)) u_sum (
          .a_i(fresh), .begins_i(chain ? tf[6+2*c] : tf[6]), .begin_i('0),
          .before_i(ring[(R-1)*ACC_W+:ACC_W]), .sum_o(next_acc));
      always_ff @(posedge clk_i)
        if (chain ? tv[6+2*c] : tv[6]) ring <= (R * ACC_W)'({ring, next_acc});
    end
  end

  // ---- E slots a cycle through the end units ----
  logic [GROUPS+LATE+4:0] g;  // g[i]: group i is chosen, g[i+LATE]: enters; 4 cycles later it leaves
  always_ff @(posedge clk_i) g <= rst_i ? '0 : {g[GROUPS+LATE+3:0], ends};
  logic [E*CH*ACC_W-1:0] from;
  logic [E-1:0] chosen_keep, from_keep;
  wire [E*GROUPS-1:0] padded_keep = (E * GROUPS)'(keep_end);
  always_comb begin
    chosen_keep = '0;
    for (int i = 0; i < GROUPS; i++)
      chosen_keep = chosen_keep | (g[i] ? padded_keep[i*E+:E] : '0);
  end
  if (R == 1) begin : g_done
    logic [N*CH*ACC_W-1:0] done;
    for (genvar i = 0; i < N * CH; i++) begin : g_sum
      always_ff @(posedge clk_i)
        if (chain ? l[7+2*(i%CH)] : l[7]) done[i*ACC_W+:ACC_W] <= newest[i*ACC_W+:ACC_W];
    end
    wire [E*GROUPS*CH*ACC_W-1:0] padded = (E * GROUPS * CH * ACC_W)'(done);
    assign from_keep = chosen_keep;
    always_comb begin
      from = '0;
      for (int i = 0; i < GROUPS; i++)
        from = from | (g[i] ? padded[i*E*CH*ACC_W+:E*CH*ACC_W] : '0);
    end
  end else begin : g_memory
    localparam int T_W = R > 1 ? $clog2(R) : 1;
    logic [LANES-1:0] lane;  // whose sum enters, of this turn
    logic [T_W-1:0] from_turn;
    logic [LANES*CH*ACC_W-1:0] read;
    logic [E*CH*ACC_W-1:0] chosen;
    always_ff @(posedge clk_i) begin
      lane <= ends ? LANES'(1) : {lane[LANES-2:0], lane[LANES-1]};
      from_turn <= ends ? '0 : from_turn + T_W'(lane[LANES-1]);
    end
    for (genvar i = 0; i < LANES * CH; i++) begin : g_sum
      localparam int C = i % CH;
      (* ram_style = "distributed" *) logic [ACC_W-1:0] sums[R];
      wire [T_W-1:0] at = chain ? turn[(7+2*C)*2+:T_W] : turn[7*2+:T_W];
      always_ff @(posedge clk_i)
        if (chain ? tl[7+2*C] : tl[7]) sums[at] <= newest[i*ACC_W+:ACC_W];
      assign read[i*ACC_W+:ACC_W] = sums[from_turn];
    end
    always_comb begin
      chosen = '0;
      for (int i = 0; i < LANES; i++)
        chosen = chosen | (lane[i] ? read[i*CH*ACC_W+:CH*ACC_W] : '0);
    end
    always_ff @(posedge clk_i) {from, from_keep} <= {chosen, chosen_keep};
  end
  logic [E*CH*Y_W-1:0] y;
  for (genvar i = 0; i < E; i++) begin : g_i
    for (genvar c = 0; c < CH; c++) begin : g_c
      wire [ACC_W-1:0] acc = (c == 0 && chain) ? from[(i*CH+CH-1)*ACC_W+:ACC_W] : from[(i*CH+c)*ACC_W+:ACC_W];
      conv_end #(.OUT(Y_W)) u_end (
          .clk_i, .acc_i(acc), .keep_i(from_keep[i] && !(c != 0 && chain)), .rounds_i(rounds),
          .bias_i(bias[c*ACC_W+:ACC_W]), .type_i(types[c*48+:48]), .x_o(y[(i*CH+c)*Y_W+:Y_W]));
    end
  end
  logic [E*GROUPS*CH*Y_W-1:0] bank, whole;
  always_comb begin
    whole = bank;
    whole[(GROUPS-1)*E*CH*Y_W+:E*CH*Y_W] = y;
  end
  for (genvar i = 0; i < GROUPS; i++) begin : g_bank
    always_ff @(posedge clk_i) if (g[4+LATE+i]) bank[i*E*CH*Y_W+:E*CH*Y_W] <= y;
  end
  assign valid_o = g[3+LATE+GROUPS];
  assign y_o = whole[N*CH*Y_W-1:0];
  assign key_o = key_end;
endmodule
