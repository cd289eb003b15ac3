// conv_gather: the first convolution, one channel to F filters, S output slots a cycle.
//
//     bank of N pixels --> tap of slot p against all q --> N x F lanes --> adder tree --> end
//
// Lane q always serves slot q; slot p is the head of a shift register, so there is no
// multiplexer. start_i with a bank, at least N/S cycles apart; slot p leaves 13 + p/S cycles
// later. With S > 1 all of it is there S times and heads are S slots of the shift register.
module conv_gather #(
    parameter int N = 20,
    parameter int S = 1,  // divides N
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
    input logic [N*sparse_pkg::X_W-1:0] x_i,  // two cycles after start_i; then steady for N/S
    output logic [N*sparse_pkg::PLACE-1:0] p_row_o,  // of all slots, with first_o
    output logic [N*sparse_pkg::PLACE-1:0] p_col_o,
    output logic valid_o,  // slots 0 .., S .., in a row
    output logic first_o,
    output logic last_o,
    output logic [S*sparse_pkg::PLACE-1:0] row_o,
    output logic [S*sparse_pkg::PLACE-1:0] col_o,
    output logic [S-1:0] occupied_o,
    output logic [S*sparse_pkg::CH*sparse_pkg::Y_W-1:0] x_o
);
  import sparse_pkg::*;
  localparam int LATENCY = 12;  // from the tap's cycle to the output
  localparam int STEPS = N / S;
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
  always_ff @(posedge clk_i) begin
    if (rst_i) left <= '0;
    else if (start_i) left <= L_W'(STEPS);
    else if (run) left <= left - 1'b1;
    if (start_i) begin
      {p_row, p_col, p_occupied} <= {row_i, col_i, occupied_i};
      {q_row, q_col} <= {row_i, col_i};
    end else begin
      p_row <= p_row >> (S * PLACE);
      p_col <= p_col >> (S * PLACE);
      p_occupied <= p_occupied >> S;
    end
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
      .d_i({run, run && first, run && last, p_occupied[S-1:0], p_row[S*PLACE-1:0],
            p_col[S*PLACE-1:0]}));
  assign {valid_o, first_o, last_o, occupied_o, row_o, col_o} = rst_i ? '0 : side[LATENCY*SIDE+:SIDE];

  // ---- mask: x of slot p when its product is made ----
  logic start1, start2;
  logic [N-1:0] p_nonzero, live_q;
  for (genvar q = 0; q < N; q++) begin : g_live
    assign live_q[q] = |x_i[q*X_W+:X_W];
  end
  logic [5*S-1:0] live;  // the heads, delayed to the end unit's first cycle
  logic [7*S-1:0] held;
  always_ff @(posedge clk_i) begin
    start1 <= start_i;
    start2 <= start1;
    p_nonzero <= start2 ? live_q : p_nonzero >> S;
    live <= {live[4*S-1:0], p_nonzero[S-1:0]};
    held <= {held[6*S-1:0], p_occupied[S-1:0]};
  end
  logic [S-1:0] keep;
  always_ff @(posedge clk_i) keep <= mask_slot ? held[6*S+:S] : live[4*S+:S];

  // ---- lanes ----
  logic [S*8-1:0] row0, col0;  // of the kernel's first tap around slot p
  for (genvar s = 0; s < S; s++) begin : g_first
    assign row0[s*8+:8] = {2'b0, p_row[s*PLACE+:PLACE]} - {5'b0, k_rows[3:1]};
    assign col0[s*8+:8] = {2'b0, p_col[s*PLACE+:PLACE]} - {5'b0, k_cols[3:1]};
  end
  logic [S*CH*N*ACC_W-1:0] r;
  for (genvar q = 0; q < N; q++) begin : g_q
    // x of this bank until the last product is made, while the next bank may have come
    logic [X_W-1:0] x;
    always_ff @(posedge clk_i) if (start2) x <= x_i[q*X_W+:X_W];
    for (genvar s = 0; s < S; s++) begin : g_s
      logic near_c, near;
      logic [TAP_W-1:0] tap_c, tap;
      conv_tap u_tap (
          .row0_i(row0[s*8+:8]), .col0_i(col0[s*8+:8]),
          .row_i({2'b0, q_row[q*PLACE+:PLACE]}), .col_i({2'b0, q_col[q*PLACE+:PLACE]}),
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
            .inside_i(near), .tap_i(tap), .x_i(x), .rounds_i(rounds),
            .mask_i(types[f*48+16+:X_W]), .chains_i(1'b0), .chain_i('0),
            .r_o(r[((s*CH+f)*N+q)*ACC_W+:ACC_W]), .chain_o(chain_unused));
      end
    end
  end

  // ---- tree and end ----
  for (genvar s = 0; s < S; s++) begin : g_out
    for (genvar f = 0; f < CH; f++) begin : g_f
      if (f < F) begin : g_tree
        logic [ACC_W-1:0] sum;
        adder_tree #(.N(N), .W(ACC_W)) u_tree (
            .clk_i, .x_i(r[(s*CH+f)*N*ACC_W+:N*ACC_W]), .sum_o(sum));
        conv_end #(.OUT(Y_W)) u_end (
            .clk_i, .acc_i(sum), .keep_i(keep[s]), .rounds_i(rounds),
            .bias_i(bias[f*ACC_W+:ACC_W]), .type_i(types[f*48+:48]),
            .x_o(x_o[(s*CH+f)*Y_W+:Y_W]));
      end else begin : g_none
        assign x_o[(s*CH+f)*Y_W+:Y_W] = '0;
      end
    end
  end
endmodule
