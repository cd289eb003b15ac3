// conv_gather: the first convolution, one channel to F filters, S output slots a cycle.
//
//     bank of N pixels --> tap of slot p against all q --> N x F lanes --> adder tree --> end
//
// Slot p is the head of a shift register. start_i with a bank; slot p leaves 13 + p/S cycles later.
//
// R = 1: lane q always serves slot q, so there is no multiplexer. Banks at least N/S cycles apart,
// and 10. With S > 1 all of it is there S times and heads are S slots of the shift register.
// R > 1: N/R lanes, and a slot p takes R cycles: lane i serves slots i, i + N/R .. in turn, each
// through one cast, and the sums of R turns are added up. Slot p leaves 13 + (p + 1) R cycles after
// its bank, one every R cycles; banks at least N R cycles apart.
module conv_gather #(
    parameter int N = 20,
    parameter int S = 1,  // divides N
    parameter int R = 1,  // slots that share a lane: 1, 2 or 4, divides N; 1 where S > 1
    parameter int F = sparse_pkg::CH  // filters built; the others' features are 0
) (
    input logic clk_i,
    input logic rst_i,
    input logic cfg_we_i,
    input logic [sparse_pkg::UNIT_W-1:0] cfg_unit_i,
    input logic [sparse_pkg::ADDR_W-1:0] cfg_addr_i,
    input logic [sparse_pkg::DATA_W-1:0] cfg_data_i,
    input logic start_i,
    input logic [N*sparse_pkg::PLACE-1:0] row_i,
    input logic [N*sparse_pkg::PLACE-1:0] col_i,
    input logic [N-1:0] occupied_i,
    input logic [N*sparse_pkg::X_W-1:0] x_i,  // two cycles after start_i; R > 1: with it, not cast
    input logic [47:0] type_i,  // of the cast, for R > 1
    output logic [N*sparse_pkg::PLACE-1:0] p_row_o,  // of all slots, with first_o
    output logic [N*sparse_pkg::PLACE-1:0] p_col_o,
    output logic valid_o,  // slots 0 .., S .., in a row, or every R cycles
    output logic first_o,
    output logic last_o,
    output logic [S*sparse_pkg::PLACE-1:0] row_o,
    output logic [S*sparse_pkg::PLACE-1:0] col_o,
    output logic [S-1:0] occupied_o,
    output logic [S*sparse_pkg::CH*sparse_pkg::Y_W-1:0] x_o
);
  import sparse_pkg::*;
  localparam int FOLDS = R > 1;  // a cycle more: the sum of the turns
  localparam int LATENCY = 12 + FOLDS;  // from the (last) tap's cycle to the output
  localparam int STEPS = N / S;
  localparam int LANES = N / R;
  localparam int L_W = $clog2(STEPS + 1);

  logic [3:0] k_rows, k_cols;
  logic rounds, mask_slot, chain_unused;
  logic [CH*ACC_W-1:0] bias;
  logic [CH*48-1:0] types;
  conv_setup u_setup (
      .clk_i, .we_i(cfg_we_i && cfg_unit_i == U_A_SETUP), .addr_i(cfg_addr_i[4:0]),
      .data_i(cfg_data_i), .k_rows_o(k_rows), .k_cols_o(k_cols), .rounds_o(rounds),
      .mask_slot_o(mask_slot), .chain_o(chain_unused), .bias_o(bias), .type_o(types));

  // ---- slot p: a shift register; slots q: a bank ----
  logic [N*PLACE-1:0] p_row, p_col, q_row, q_col;
  logic [N-1:0] p_occupied;
  logic [L_W-1:0] left;
  wire run = left != 0;
  wire first = left == L_W'(STEPS);
  wire last = left == 1;
  logic [9*2-1:0] turn;  // turn[i*2 +: 2]: of slot p's, i cycles ago
  wire slot_ends = turn[1:0] == 2'(R - 1);
  always_ff @(posedge clk_i) begin
    if (rst_i) left <= '0;
    else if (start_i) left <= L_W'(STEPS);
    else if (run && slot_ends) left <= left - 1'b1;
    if (start_i) begin
      {p_row, p_col, p_occupied} <= {row_i, col_i, occupied_i};
      {q_row, q_col} <= {row_i, col_i};
    end else if (slot_ends) begin
      p_row <= p_row >> (S * PLACE);
      p_col <= p_col >> (S * PLACE);
      p_occupied <= p_occupied >> S;
    end
  end

  if (R == 1) begin : g_no_turns
    assign turn = '0;
  end else begin : g_turns
    logic [1:0] now;
    always_ff @(posedge clk_i) now <= (start_i || slot_ends) ? 2'd0 : now + {1'b0, run};
    delay_line #(.W(2), .N(8)) u_turn (.clk_i, .rst_i, .d_i(now), .q_o(turn));
  end

  // kept for the next stage, which sees slot 0 when the next window may already be here
  logic [7:0] started;
  always_ff @(posedge clk_i) begin
    started <= rst_i ? '0 : {started[6:0], start_i};
    if (started[7]) {p_row_o, p_col_o} <= {q_row, q_col};
  end

  // ---- sideband: as long as the lanes and the end take ----
  localparam int SIDE = 3 + S * (1 + 2 * PLACE);
  logic [(LATENCY+1)*SIDE-1:0] side;
  delay_line #(.W(SIDE), .N(LATENCY)) u_side (
      .clk_i, .rst_i, .q_o(side),
      .d_i({run && slot_ends, run && first, run && last, p_occupied[S-1:0], p_row[S*PLACE-1:0],
            p_col[S*PLACE-1:0]}));
  assign {valid_o, first_o, last_o, occupied_o, row_o, col_o} = rst_i ? '0 : side[LATENCY*SIDE+:SIDE];

  // ---- lanes' x: of this bank until the last product is made; the next one may have come ----
  logic start1, start2;
  always_ff @(posedge clk_i) {start2, start1} <= {start1, start_i};
  logic [LANES*X_W-1:0] x;
  for (genvar q = 0; q < LANES; q++) begin : g_x
    if (R == 1) begin : g_own
      always_ff @(posedge clk_i) if (start2) x[q*X_W+:X_W] <= x_i[q*X_W+:X_W];
    end else begin : g_in_turn
      logic [R*X_W-1:0] kept;
      logic [X_W-1:0] raw;
      for (genvar i = 0; i < R; i++) begin : g_i
        always_ff @(posedge clk_i)
          if (start_i) kept[i*X_W+:X_W] <= x_i[(i*LANES+q)*X_W+:X_W];
      end
      in_turn #(.W(X_W), .R(R)) u_x (.turn_i(turn[1:0]), .x_i(kept), .x_o(raw));
      cast_small #(.OUT(X_W)) u_cast (
          .clk_i, .x_i(raw), .shift_i(type_i[8:6]), .round_i(type_i[2:0]),
          .overflow_i(type_i[4:3]), .signed_i(type_i[5]), .mask_i(type_i[16+:X_W]),
          .z_o(x[q*X_W+:X_W]));
    end
  end

  // ---- mask: x of slot p when its product is made ----
  logic [N-1:0] p_nonzero;
  if (R == 1) begin : g_live
    logic [N-1:0] live_q;
    for (genvar q = 0; q < N; q++) begin : g_q
      assign live_q[q] = |x_i[q*X_W+:X_W];
    end
    always_ff @(posedge clk_i) p_nonzero <= start2 ? live_q : p_nonzero >> S;
  end else begin : g_live_turns
    // seen by the lanes while they serve slot 0: all slots of the bank pass then. A cycle later
    // than with R = 1
    logic [N-1:0] seen;
    logic [LANES-1:0] live_q;
    logic [1:0] first_d;
    for (genvar q = 0; q < LANES; q++) begin : g_q
      assign live_q[q] = |x[q*X_W+:X_W];
    end
    wire [N-1:0] seen_now = {live_q, seen[N-1:LANES]};
    wire all_seen = first_d[1] && turn[2*2+:2] == 2'(R - 1);
    always_ff @(posedge clk_i) begin
      first_d <= {first_d[0], run && first};
      seen <= seen_now;
      if (all_seen) p_nonzero <= seen_now;
      else if (turn[3*2+:2] == 2'(R - 1)) p_nonzero <= p_nonzero >> 1;
    end
  end
  logic [5*S-1:0] live;  // the heads, delayed to the end unit's first cycle
  logic [(7+FOLDS)*S-1:0] held;
  always_ff @(posedge clk_i) begin
    live <= {live[4*S-1:0], p_nonzero[S-1:0]};
    held <= {held[(6+FOLDS)*S-1:0], p_occupied[S-1:0]};
  end
  logic [S-1:0] keep;
  always_ff @(posedge clk_i) keep <= mask_slot ? held[(6+FOLDS)*S+:S] : live[4*S+:S];

  // ---- lanes ----
  logic [S*8-1:0] row0, col0;  // of the kernel's first tap around slot p
  for (genvar s = 0; s < S; s++) begin : g_first
    assign row0[s*8+:8] = {2'b0, p_row[s*PLACE+:PLACE]} - {5'b0, k_rows[3:1]};
    assign col0[s*8+:8] = {2'b0, p_col[s*PLACE+:PLACE]} - {5'b0, k_cols[3:1]};
  end
  logic [S*CH*LANES*ACC_W-1:0] r;
  for (genvar q = 0; q < LANES; q++) begin : g_q
    logic [R*2*PLACE-1:0] places;
    for (genvar i = 0; i < R; i++) begin : g_i
      assign places[i*2*PLACE+:2*PLACE] = {q_row[(i*LANES+q)*PLACE+:PLACE],
                                           q_col[(i*LANES+q)*PLACE+:PLACE]};
    end
    logic [2*PLACE-1:0] place;
    in_turn #(.W(2 * PLACE), .R(R)) u_place (.turn_i(turn[1:0]), .x_i(places), .x_o(place));
    for (genvar s = 0; s < S; s++) begin : g_s
      logic near_c, near;
      logic [TAP_W-1:0] tap_c, tap;
      conv_tap u_tap (
          .row0_i(row0[s*8+:8]), .col0_i(col0[s*8+:8]),
          .row_i({2'b0, place[PLACE+:PLACE]}), .col_i({2'b0, place[PLACE-1:0]}),
          .k_rows_i(k_rows), .k_cols_i(k_cols), .inside_o(near_c), .tap_o(tap_c));
      always_ff @(posedge clk_i) begin
        near <= near_c && run;
        tap <= tap_c;
      end
      for (genvar f = 0; f < F; f++) begin : g_f
        logic [ACC_W-1:0] chain_unused;
        conv_lane #(.CHAINS(0)) u_lane (
            .clk_i, .cfg_we_i(cfg_we_i && cfg_unit_i == U_A_WEIGHT && cfg_addr_i[8:7] == f),
            .cfg_tap_i(cfg_addr_i[TAP_W-1:0]), .cfg_weight_i(cfg_data_i[CW_W-1:0]),
            .inside_i(near), .tap_i(tap), .x_i(x[q*X_W+:X_W]), .rounds_i(rounds),
            .mask_i(types[f*48+16+:X_W]), .chains_i(1'b0), .chain_i('0),
            .r_o(r[((s*CH+f)*LANES+q)*ACC_W+:ACC_W]), .chain_o(chain_unused));
      end
    end
  end

  // ---- tree and end ----
  for (genvar s = 0; s < S; s++) begin : g_out
    for (genvar f = 0; f < CH; f++) begin : g_f
      if (f < F) begin : g_tree
        logic [ACC_W-1:0] sum, all;
        adder_tree #(.N(LANES), .W(ACC_W)) u_tree (
            .clk_i, .x_i(r[(s*CH+f)*LANES*ACC_W+:LANES*ACC_W]), .sum_o(sum));
        if (R == 1) begin : g_whole
          assign all = sum;
        end else begin : g_fold
          logic [ACC_W-1:0] next;
          adder_choice #(.W(ACC_W)) u_fold (
              .a_i(sum), .begins_i(turn[8*2+:2] == 2'd0), .begin_i('0), .before_i(all),
              .sum_o(next));
          always_ff @(posedge clk_i) all <= next;
        end
        conv_end #(.OUT(Y_W)) u_end (
            .clk_i, .acc_i(all), .keep_i(keep[s]), .rounds_i(rounds),
            .bias_i(bias[f*ACC_W+:ACC_W]), .type_i(types[f*48+:48]),
            .x_o(x_o[(s*CH+f)*Y_W+:Y_W]));
      end else begin : g_none
        assign x_o[(s*CH+f)*Y_W+:Y_W] = '0;
      end
    end
  end
endmodule
