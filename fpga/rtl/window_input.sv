// window_input: beats of a window in, a bank of N pixels out: the first active ones of an image
// in scan order, or those of a list (hls/kernel_abi.h has both layouts).
//
//     image: threshold --> compress, 32 pixels at a time --> shift to the next free slots --> bank
//     list:  count, pixels ------------------------------------------------------------> bank
//
// A beat of 16-bit pixels has 32 of them, one of 8 bits 64 for both compressors. start_o comes
// 1 cycle after a list's last beat, 9 after an image's; the bank is then steady until the next
// window writes it. Windows end at least pace_i cycles apart: the last beat waits for that, and
// for room_i: nothing behind this module ever stalls.
module window_input #(
    parameter int N = 20
) (
    input logic clk_i,
    input logic rst_i,
    input logic [1:0] form_i,  // 0 list, 1 image of 16 bits, 2 of 8 bits
    input logic [$clog2(N+1)-1:0] slots_i,
    input logic [8:0] beats_i,
    input logic [6:0] last_lanes_i,
    input logic [6:0] width_i,
    input logic [16:0] threshold_i,
    input logic signed_i,
    input logic [47:0] type_i,  // of the quantizer behind the reduction
    input logic [7:0] pace_i,
    input logic room_i,
    input logic valid_i,
    output logic ready_o,
    input logic [511:0] beat_i,
    output logic ended_o,  // the last beat of a window is taken
    output logic counted_o,  // once a window, in order: how many pixels were active
    output logic [31:0] active_o,
    output logic start_o,
    output logic [N*sparse_pkg::PLACE-1:0] row_o,
    output logic [N*sparse_pkg::PLACE-1:0] col_o,
    output logic [N-1:0] occupied_o,
    output logic [N*sparse_pkg::X_W-1:0] x_o  // 2 cycles after start_o
);
  import sparse_pkg::*;
  localparam int C_W = $clog2(N + 1);  // number of slots
  localparam int MOST = 2 ** C_W - 1;
  localparam int V_W = 17;
  localparam int B_W = 9;  // ... of the 8-bit pixels that fill a beat's second half
  localparam int E_W = 1 + 6 + V_W;  // {valid, lane, value}
  localparam int H_W = 1 + 6 + B_W;

  // ---- which beat of the window ----
  logic [8:0] beat;
  logic [7:0] pace;
  wire list = form_i == 2'd0;
  logic last;  // known a cycle before, for it is asked by the memory's port
  assign ready_o = !last || (pace == 0 && room_i);
  wire take = valid_i && ready_o && !rst_i;
  assign ended_o = take && last;
  logic [8:0] left;  // beats to come, while beat is not 0
  always_ff @(posedge clk_i) begin
    if (rst_i) beat <= '0;
    else if (take) beat <= last ? '0 : beat + 9'd1;
    if (take ? last : beat == 0) {left, last} <= {beats_i, beats_i == 9'd1};
    else if (take) {left, last} <= {left - 9'd1, left == 9'd2};
    if (rst_i) pace <= '0;
    else if (take && last) pace <= pace_i - 8'd1;
    else if (pace != 0) pace <= pace - 8'd1;
  end

  // ---- image: threshold ----
  logic [63:0] active;
  logic [32*V_W-1:0] value, value_c;
  logic [32*B_W-1:0] upper, upper_c;
  logic [63:0] active_c;
  wire bytes = form_i == 2'd2;
  always_comb begin
    for (int i = 0; i < 32; i++) begin
      if (bytes) value_c[i*V_W+:V_W] = {{9{signed_i & beat_i[i*8+7]}}, beat_i[i*8+:8]};
      else value_c[i*V_W+:V_W] = {signed_i & beat_i[i*16+15], beat_i[i*16+:16]};
      upper_c[i*B_W+:B_W] = {signed_i & beat_i[(32+i)*8+7], beat_i[(32+i)*8+:8]};
      active_c[i] = take && !list && (!last || 7'(i) < last_lanes_i) &&
          $signed(value_c[i*V_W+:V_W]) > $signed(threshold_i);
      active_c[32+i] = take && bytes && (!last || 7'(32 + i) < last_lanes_i) &&
          $signed(upper_c[i*B_W+:B_W]) > $signed(threshold_i[B_W-1:0]);
    end
  end
  // b[i]: i cycles after the beat: {a beat, first, last}
  logic [10*3-1:0] b;
  delay_line #(.W(3), .N(9), .RESET(1)) u_b (
      .clk_i, .rst_i, .d_i({take && !list, beat == 0, last}), .q_o(b));
  wire [2:0] b4 = b[4*3+:3];
  wire [2:0] b5 = b[5*3+:3];
  wire [2:0] b8 = b[8*3+:3];
  wire [2:0] b9 = b[9*3+:3];
  always_ff @(posedge clk_i) {active, value, upper} <= {active_c, value_c, upper_c};

  // ---- image: compress ----
  logic [2*6-1:0] count;
  logic [N*E_W-1:0] entry0;
  logic [N*H_W-1:0] entry1;
  logic [N-1:0] valid0, valid1;
  logic [N*5-1:0] lane0, lane1;
  logic [N*V_W-1:0] v0;
  logic [N*B_W-1:0] v1;
  compress #(.N(N), .V_W(V_W)) u_compress0 (
      .clk_i, .active_i(active[31:0]), .value_i(value), .count_o(count[5:0]), .valid_o(valid0),
      .lane_o(lane0), .value_o(v0));
  compress #(.N(N), .V_W(B_W)) u_compress1 (
      .clk_i, .active_i(active[63:32]), .value_i(upper), .count_o(count[11:6]),
      .valid_o(valid1), .lane_o(lane1), .value_o(v1));
  for (genvar j = 0; j < N; j++) begin : g_entry
    assign entry0[j*E_W+:E_W] = {valid0[j], 1'b0, lane0[j*5+:5], v0[j*V_W+:V_W]};
    assign entry1[j*H_W+:H_W] = {valid1[j], 1'b1, lane1[j*5+:5], v1[j*B_W+:B_W]};
  end

  // ---- image: slots taken before this beat (b[4]: counts are here; b[6]: pixels are) ----
  logic [C_W-1:0] taken;
  logic [31:0] total;
  logic [C_W-1:0] base0, base1, base0_d, base1_d;
  wire [C_W-1:0] begun = b4[1] ? '0 : taken;
  wire [7:0] one = 8'(begun) + {2'b0, count[5:0]};
  wire [7:0] two = one + {2'b0, count[11:6]};
  wire [31:0] here = {25'd0, {1'b0, count[5:0]} + {1'b0, count[11:6]}};
  always_ff @(posedge clk_i) begin
    if (b4[2]) begin
      taken <= two > 8'(MOST) ? C_W'(MOST) : two[C_W-1:0];
      total <= (b4[1] ? 32'd0 : total) + here;
    end
    base0 <= begun;
    base1 <= one > 8'(MOST) ? C_W'(MOST) : one[C_W-1:0];
    {base0_d, base1_d} <= {base0, base1};
  end
  logic [N*E_W-1:0] moved0, fresh;
  logic [N*H_W-1:0] moved1;
  shift_up #(.N(N), .W(E_W), .B(C_W)) u_up0 (
      .clk_i, .x_i(entry0), .by_i(base0_d), .y_o(moved0));
  shift_up #(.N(N), .W(H_W), .B(C_W)) u_up1 (
      .clk_i, .x_i(entry1), .by_i(base1_d), .y_o(moved1));
  for (genvar j = 0; j < N; j++) begin : g_fresh
    wire [H_W-1:0] m = moved1[j*H_W+:H_W];
    assign fresh[j*E_W+:E_W] = moved0[j*E_W+E_W-1] ? moved0[j*E_W+:E_W] :
        {m[H_W-1:B_W], {(V_W - B_W) {m[B_W-1]}}, m[B_W-1:0]};
  end

  // ---- image: row and column of the beat's first pixel, at b[8] ----
  logic [6:0] col0, next_col;
  logic [5:0] row0, next_row;
  wire [7:0] stride = bytes ? 8'd64 : 8'd32;
  wire [7:0] w1 = {1'b0, width_i};
  wire [8:0] w2 = {1'b0, width_i, 1'b0};
  wire [8:0] w3 = w2 + {1'b0, w1};
  wire [8:0] after = {1'b0, 1'b0, col0} + {1'b0, stride};
  logic [1:0] wraps;
  logic [8:0] after_col;
  always_comb begin
    wraps = {1'b0, after >= {1'b0, w1}} + {1'b0, after >= w2} + {1'b0, after >= w3};
    after_col = after - (wraps == 2'd0 ? 9'd0 : wraps == 2'd1 ? {1'b0, w1} : wraps == 2'd2 ? w2 : w3);
    {col0, row0} = b8[1] ? '0 : {next_col, next_row};
  end
  always_ff @(posedge clk_i)
    if (b8[2]) {next_col, next_row} <= {after_col[6:0], row0 + {4'd0, wraps}};

  // ---- bank: of each slot {value, column and row of the beat, lane in it} ----
  localparam int S_W = V_W + 7 + 6 + 6;
  logic [N*S_W-1:0] slot;
  logic [N-1:0] used;
  logic list_start;
  wire [31:0] list_count = beat_i[31:0];
  logic [C_W-1:0] list_used;
  wire [C_W-1:0] listed = beat != 0 ? list_used : list_count > 32'(slots_i) ? slots_i : list_count[C_W-1:0];
  for (genvar j = 0; j < N; j++) begin : g_slot
    localparam int BEAT = (j + 1) / 16;
    localparam int WORD = (j + 1) % 16;
    wire [31:0] pixel = beat_i[WORD*32+:32];
    wire [E_W-1:0] e = fresh[j*E_W+:E_W];
    wire written = b8[2] && e[E_W-1] && C_W'(j) < slots_i;
    always_ff @(posedge clk_i) begin
      if (list) begin
        if (take && (beat == 9'(BEAT) || beat == 0)) begin
          used[j] <= beat == 9'(BEAT) && C_W'(j) < listed;
          slot[j*S_W+:S_W] <= {signed_i & pixel[31], pixel[31:16], 1'b0, pixel[13:8], pixel[5:0], 6'd0};
        end
      end else if (b8[2]) begin
        if (b8[1] || written) used[j] <= written;
        if (written) slot[j*S_W+:S_W] <= {e[V_W-1:0], col0, row0, e[V_W+:6]};
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (take && list) list_used <= listed;
    list_start <= take && list && last;
  end
  assign start_o = list ? list_start : b9[2] && b9[0];
  always_ff @(posedge clk_i) begin
    counted_o <= !rst_i && (list ? take && beat == 0 : b5[2] && b5[0]);
    active_o <= list ? list_count : total;
  end

  // ---- place of each slot, and the quantizer ----
  for (genvar j = 0; j < N; j++) begin : g_place
    wire [S_W-1:0] s = slot[j*S_W+:S_W];
    wire [8:0] c = {2'b0, s[12+:7]} + {3'b0, s[5:0]};
    wire [5:0] r = s[6+:6];
    wire [X_W+1:0] x = used[j] ? {{3{s[S_W-1]}}, s[19+:V_W]} : '0;
    wire c1 = !list && c >= {1'b0, w1};
    wire c2 = !list && c >= w2;
    wire c3 = !list && c >= w3;
    wire [8:0] col = c - (c3 ? w3 : c2 ? w2 : c1 ? {1'b0, w1} : 9'd0);
    assign col_o[j*PLACE+:PLACE] = used[j] ? col[5:0] : '0;
    assign row_o[j*PLACE+:PLACE] = used[j] ? r + {4'd0, {1'b0, c1} + {1'b0, c2} + {1'b0, c3}} : '0;
    assign occupied_o[j] = used[j];
    cast_shift #(.IN(X_W + 2), .OUT(X_W), .EIGHTS(0)) u_cast (
        .clk_i, .x_i(x), .shift_i(type_i[10:6]), .round_i(type_i[2:0]),
        .overflow_i(type_i[4:3]), .signed_i(type_i[5]), .mask_i(type_i[16+:X_W]),
        .z_o(x_o[j*X_W+:X_W]));
  end
endmodule
