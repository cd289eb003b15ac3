// window_input: beats of a window in, a bank of N pixels out: the first active ones of an image
// in scan order, or those of a list (hls/kernel_abi.h has both layouts).
//
//     image: threshold --> compress, 32 pixels at a time, to the next free slots --> bank
//     list:  count, pixels ------------------------------------------------------> bank
//
// A beat of 16-bit pixels has 32 of them, one of 8 bits 64 for both compressors. start_o comes
// 1 cycle after a list's last beat, 8 after an image's; the bank is then steady until the next
// window writes it. Windows end at least pace_i cycles apart: the last beat waits for that, and
// for room_i: nothing behind this module ever stalls.
module window_input #(
    parameter int N = 20,
    parameter int R = 1  // above 1: x_o is not cast yet
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
    output logic [N*sparse_pkg::X_W-1:0] x_o  // 2 cycles after start_o; not cast: with start_o
);
  import sparse_pkg::*;
  localparam int C_W = $clog2(N + 1);  // number of slots
  localparam int V_W = 17;
  localparam int B_W = 9;  // ... of the 8-bit pixels that fill a beat's second half
  localparam int E_W = 1 + 6 + V_W;  // {valid, lane, value}

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
  logic [32*V_W-1:0] value, value_d, value_c;
  logic [32*B_W-1:0] upper, upper_d, upper_c;
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
  logic [9*3-1:0] b;
  delay_line #(.W(3), .N(8), .RESET(1)) u_b (
      .clk_i, .rst_i, .d_i({take && !list, beat == 0, last}), .q_o(b));
  wire [2:0] b3 = b[3*3+:3];
  wire [2:0] b4 = b[4*3+:3];
  wire [2:0] b7 = b[7*3+:3];
  wire [2:0] b8 = b[8*3+:3];
  always_ff @(posedge clk_i) begin
    {active, value, upper} <= {active_c, value_c, upper_c};
    {value_d, upper_d} <= {value, upper};
  end

  // ---- image: slots taken before this beat (b[3]: counts are here; b[7]: pixels are) ----
  logic [2*6-1:0] count;
  logic [6:0] taken;  // at most 64
  logic [31:0] total;
  wire [6:0] base0 = b3[1] ? '0 : taken;
  wire [6:0] base1 = base0 + {1'b0, count[5:0]};
  wire [7:0] after_both = {1'b0, base1} + {2'b0, count[11:6]};
  wire [31:0] here = {25'd0, {1'b0, count[5:0]} + {1'b0, count[11:6]}};
  always_ff @(posedge clk_i)
    if (b3[2]) begin
      taken <= |after_both[7:6] ? 7'd64 : after_both[6:0];
      total <= (b3[1] ? 32'd0 : total) + here;
    end

  // ---- image: compress, to the next slots ----
  logic [N*E_W-1:0] fresh;
  logic [N-1:0] valid0, valid1;
  logic [N*5-1:0] lane0, lane1;
  logic [N*V_W-1:0] v0;
  logic [N*B_W-1:0] v1;
  compress #(.N(N), .V_W(V_W)) u_compress0 (
      .clk_i, .active_i(active[31:0]), .value_i(value_d), .count_o(count[5:0]), .base_i(base0),
      .valid_o(valid0), .lane_o(lane0), .value_o(v0));
  compress #(.N(N), .V_W(B_W)) u_compress1 (
      .clk_i, .active_i(active[63:32]), .value_i(upper_d), .count_o(count[11:6]), .base_i(base1),
      .valid_o(valid1), .lane_o(lane1), .value_o(v1));
  for (genvar j = 0; j < N; j++) begin : g_fresh
    wire [V_W-1:0] byte_value = {{(V_W - B_W) {v1[j*B_W+B_W-1]}}, v1[j*B_W+:B_W]};
    assign fresh[j*E_W+:E_W] = valid0[j] ? {1'b1, 1'b0, lane0[j*5+:5], v0[j*V_W+:V_W]} :
        {valid1[j], 1'b1, lane1[j*5+:5], byte_value};
  end

  // ---- image: row and column of the beat's first pixel, at b[7] ----
  logic [5:0] col0, next_col;
  logic [5:0] row0, next_row;
  wire [7:0] stride = bytes ? 8'd64 : 8'd32;
  wire [7:0] w1 = {1'b0, width_i};
  wire [7:0] w2 = {width_i, 1'b0};
  wire [7:0] w3 = w2 + w1;
  wire [7:0] after = {2'b0, col0} + stride;
  logic [1:0] wraps;
  logic [7:0] after_col;
  always_comb begin
    wraps = {1'b0, after >= w1} + {1'b0, after >= w2} + {1'b0, after >= w3};
    after_col = after - (wraps == 2'd0 ? 8'd0 : wraps == 2'd1 ? w1 : wraps == 2'd2 ? w2 : w3);
    {col0, row0} = b7[1] ? '0 : {next_col, next_row};
  end
  always_ff @(posedge clk_i)
    if (b7[2]) {next_col, next_row} <= {after_col[5:0], row0 + {4'd0, wraps}};

  // ---- bank: of each slot {value, column and row of the beat, lane in it} ----
  localparam int S_W = V_W + 6 + 6 + 6;
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
    wire written = b7[2] && e[E_W-1] && C_W'(j) < slots_i;
    always_ff @(posedge clk_i) begin
      if (list) begin
        if (take && (beat == 9'(BEAT) || beat == 0)) begin
          used[j] <= beat == 9'(BEAT) && C_W'(j) < listed;
          slot[j*S_W+:S_W] <= {signed_i & pixel[31], pixel[31:16], pixel[13:8], pixel[5:0], 6'd0};
        end
      end else if (b7[2]) begin
        if (b7[1] || written) used[j] <= written;
        if (written) slot[j*S_W+:S_W] <= {e[V_W-1:0], col0, row0, e[V_W+:6]};
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (take && list) list_used <= listed;
    list_start <= take && list && last;
  end
  assign start_o = list ? list_start : b8[2] && b8[0];
  always_ff @(posedge clk_i) begin
    counted_o <= !rst_i && (list ? take && beat == 0 : b4[2] && b4[0]);
    active_o <= list ? list_count : total;
  end

  // ---- place of each slot, and the quantizer ----
  for (genvar j = 0; j < N; j++) begin : g_place
    wire [S_W-1:0] s = slot[j*S_W+:S_W];
    wire [6:0] c = {1'b0, s[12+:6]} + {1'b0, s[5:0]};
    wire [5:0] r = s[6+:6];
    wire [X_W-1:0] x = used[j] ? {s[S_W-1], s[18+:V_W]} : '0;
    wire c1 = !list && {1'b0, c} >= w1;
    wire c2 = !list && {1'b0, c} >= w2;
    wire c3 = !list && {1'b0, c} >= w3;
    wire [5:0] col = c[5:0] - (c3 ? w3[5:0] : c2 ? w2[5:0] : c1 ? w1[5:0] : 6'd0);
    assign col_o[j*PLACE+:PLACE] = used[j] ? col : '0;
    assign row_o[j*PLACE+:PLACE] = used[j] ? r + {4'd0, {1'b0, c1} + {1'b0, c2} + {1'b0, c3}} : '0;
    assign occupied_o[j] = used[j];
    if (R == 1) begin : g_cast
      cast_small #(.OUT(X_W)) u_cast (
          .clk_i, .x_i(x), .shift_i(type_i[8:6]), .round_i(type_i[2:0]),
          .overflow_i(type_i[4:3]), .signed_i(type_i[5]), .mask_i(type_i[16+:X_W]),
          .z_o(x_o[j*X_W+:X_W]));
    end else begin : g_raw
      assign x_o[j*X_W+:X_W] = x;
    end
  end
endmodule
