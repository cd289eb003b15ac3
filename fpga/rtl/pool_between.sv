// pool_between: the pool that may lie between the convolutions. Unused, a slot passes through in
// no time; used, the window is collected, pooled and sent on, its slots at their pooled places.
// It pools the first channel only: a chain of three with a pool between would be another network.
module pool_between #(
    parameter int N = 20,
    parameter int S = 1,  // slots a cycle
    parameter int R = 1  // or a slot every R cycles
) (
    input logic clk_i,
    input logic rst_i,
    input logic cfg_we_i,
    input logic [sparse_pkg::UNIT_W-1:0] cfg_unit_i,
    input logic [sparse_pkg::ADDR_W-1:0] cfg_addr_i,
    input logic [sparse_pkg::DATA_W-1:0] cfg_data_i,
    input logic [N*sparse_pkg::PLACE-1:0] p_row_i,  // of all slots, with first_i
    input logic [N*sparse_pkg::PLACE-1:0] p_col_i,
    input logic valid_i,
    input logic first_i,
    input logic last_i,
    input logic [S*sparse_pkg::PLACE-1:0] row_i,
    input logic [S*sparse_pkg::PLACE-1:0] col_i,
    input logic [S-1:0] occupied_i,
    input logic [S*sparse_pkg::CH*sparse_pkg::Y_W-1:0] x_i,
    output logic [N*sparse_pkg::PLACE-1:0] p_row_o,
    output logic [N*sparse_pkg::PLACE-1:0] p_col_o,
    output logic valid_o,
    output logic first_o,
    output logic last_o,
    output logic [S*sparse_pkg::PLACE-1:0] row_o,
    output logic [S*sparse_pkg::PLACE-1:0] col_o,
    output logic [S-1:0] occupied_o,
    output logic [S*sparse_pkg::CH*sparse_pkg::X_W-1:0] x_o
);
  import sparse_pkg::*;
  localparam int K = KEY_W + 1;
  logic [S*K-1:0] key;
  logic used, saturates;
  logic [SUM_W-1:0] sum_mask;
  logic [RECIP_W-1:0] recip;
  logic [47:0] types;
  pool_setup #(.UNIT(U_POOL_A), .S(S)) u_setup (
      .clk_i, .cfg_we_i, .cfg_unit_i, .cfg_addr_i, .cfg_data_i, .row_i, .col_i, .key_o(key),
      .used_o(used), .saturates_o(saturates), .sum_mask_o(sum_mask), .recip_o(recip),
      .type_o(types));

  logic valid, last, start;
  logic [S*Y_W-1:0] x;
  logic [S-1:0] occupied;
  logic [N*Y_W-1:0] bank;
  logic [N*K-1:0] keys;
  logic [N-1:0] occupieds, occupied_p;
  for (genvar i = 0; i < S; i++) begin : g_x
    always_ff @(posedge clk_i) x[i*Y_W+:Y_W] <= x_i[i*CH*Y_W+:Y_W];
  end
  always_ff @(posedge clk_i) begin
    {valid, last} <= rst_i ? '0 : {valid_i && used, last_i};
    occupied <= occupied_i;
    start <= valid && last && !rst_i;
    if (valid) begin
      bank <= {x, bank[N*Y_W-1:S*Y_W]};
      keys <= {key, keys[N*K-1:S*K]};
      occupieds <= {occupied, occupieds[N-1:S]};
    end
  end

  logic pv, pf, pl, ev, el;
  logic [S-1:0] carries;
  logic [S*KEY_W-1:0] ek, pk;
  logic [S*X_W-1:0] px;
  pool #(.N(N), .S(S), .R(R), .C(1), .OUT(X_W)) u_pool (
      .clk_i, .rst_i, .recip_i(recip), .saturates_i(saturates), .sum_mask_i(sum_mask),
      .type_i(types), .start_i(start), .y_i(bank), .key_i(keys), .early_valid_o(ev),
      .early_last_o(el), .early_key_o(ek), .valid_o(pv), .first_o(pf), .last_o(pl),
      .carries_o(carries), .key_o(pk), .x_o(px));

  // pooled places and occupancy of the window that is on its way
  logic [N*PLACE-1:0] p_row, p_col;
  for (genvar q = 0; q < N; q++) begin : g_place
    always_ff @(posedge clk_i)
      if (start) begin
        p_row[q*PLACE+:PLACE] <= keys[q*K+PLACE+:PLACE];
        p_col[q*PLACE+:PLACE] <= keys[q*K+:PLACE];
      end
  end
  logic [7:0] started;
  always_ff @(posedge clk_i) begin
    started <= rst_i ? '0 : {started[6:0], start};
    if (started[7] || R == 1 || pv) occupied_p <= started[7] ? occupied_held : occupied_p >> S;
  end
  logic [N-1:0] occupied_held;
  always_ff @(posedge clk_i) if (start) occupied_held <= occupieds;

  always_comb begin
    if (used) begin
      {valid_o, first_o, last_o} = {pv, pf, pl};
      {p_row_o, p_col_o} = {p_row, p_col};
      for (int i = 0; i < S; i++) begin
        row_o[i*PLACE+:PLACE] = pk[i*KEY_W+PLACE+:PLACE];
        col_o[i*PLACE+:PLACE] = pk[i*KEY_W+:PLACE];
      end
      occupied_o = occupied_p[S-1:0] & carries;
      x_o = '0;
      for (int i = 0; i < S; i++) x_o[i*CH*X_W+:X_W] = px[i*X_W+:X_W];
    end else begin
      {valid_o, first_o, last_o} = {valid_i, first_i, last_i};
      {p_row_o, p_col_o} = {p_row_i, p_col_i};
      {row_o, col_o} = {row_i, col_i};
      occupied_o = occupied_i;
      for (int i = 0; i < S * CH; i++) x_o[i*X_W+:X_W] = x_i[i*Y_W+:X_W];
    end
  end
endmodule
