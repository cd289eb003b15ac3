// loader: reads an image from beats and writes it to the configuration bus, a record a cycle.
//     first beat: u32 magic "SPRT", version, records, check, N and above 8 bits R - 1, (for the
//                 host), filters of the first convolution, 0 ...
//     then records of 16 bytes, four a beat: [63:0] data [87:64] address [119:96] 0 [127:120] unit
// The check is the exclusive or of all 32-bit words of the records. The first thing that is wrong
// is kept in error_o; the rest of the image is then read and not written. The end of a run is the
// owner's: ended_i with the last beat taken.
module loader #(
    parameter int N = 20,
    parameter int S = 1,
    parameter int R = 1,
    parameter int F = sparse_pkg::CH
) (
    input logic clk_i,
    input logic rst_i,
    input logic clear_i,  // before an image
    input logic header_i,  // the beat is the first
    input logic valid_i,
    output logic ready_o,
    input logic [511:0] beat_i,
    input logic [31:0] bytes_i,  // that the image may have
    output logic [31:0] records_o,  // after the first beat
    output logic idle_o,  // all that was taken is written
    input logic judge_i,  // at the end: is all there, is the check right
    output logic [7:0] error_o,
    output logic cfg_we_o,
    output logic [sparse_pkg::UNIT_W-1:0] cfg_unit_o,
    output logic [sparse_pkg::ADDR_W-1:0] cfg_addr_o,
    output logic [sparse_pkg::DATA_W-1:0] cfg_data_o
);
  import sparse_pkg::*;
  localparam bit [31:0] MAGIC = 32'h54525053;  // "SPRT"
  localparam bit [31:0] VERSION = 2;
  localparam bit [31:0] MOST_RECORDS = 32'd65536;

  logic [511:0] held;
  logic [2:0] left;
  logic [31:0] seen, wanted, check;
  logic check_fails, paced_d, judged_valid, settling;
  assign idle_o = left == 0 && !judged_valid && !settling;
  assign ready_o = left == 0;
  wire [127:0] record = held[127:0];
  wire [31:0] folded = record[31:0] ^ record[63:32] ^ record[95:64] ^ record[127:96];
  wire in_image = seen < records_o;

  // addresses of each unit
  logic [ADDR_W-1:0] addresses;
  always_comb begin
    case (record[127:120])
      U_GLOBAL: addresses = ADDR_W'(GLOBALS);
      U_A_WEIGHT, U_B_WEIGHT: addresses = ADDR_W'(CH * 128);
      U_A_SETUP, U_B_SETUP: addresses = ADDR_W'(4 + 2 * CH);
      U_POOL_A, U_POOL_B: addresses = ADDR_W'(192);
      U_DENSE1_WEIGHT: addresses = ADDR_W'(OUTPUTS * 256);
      U_DENSE1_QUANT: addresses = ADDR_W'(256);
      U_DENSE1_OUT: addresses = ADDR_W'(OUTPUTS * 8);
      U_DENSE1_SETUP: addresses = ADDR_W'(2 + PASSES * R);
      U_DENSE2_WEIGHT: addresses = ADDR_W'(OUTPUTS * 64);
      U_DENSE2_SETUP: addresses = ADDR_W'(32);
      U_TABLE: addresses = ADDR_W'(2048);
      U_TABLE_SETUP: addresses = ADDR_W'(4);
      default: addresses = '0;
    endcase
  end
  // values with bits above those of their field, and addresses that lie between others
  wire [DATA_W-1:0] value = record[63:0];
  wire [7:0] at = record[71:64];
  logic wide, hole;
  always_comb begin
    wide = |value[63:48];
    hole = 1'b0;
    case (record[127:120])
      U_GLOBAL: begin
        if (at == 8'(G_THRESHOLD)) wide = |value[63:17];
        if (at == 8'(G_SIGNED)) wide = |value[63:1];
      end
      U_A_WEIGHT, U_B_WEIGHT: wide = |value[63:CW_W];
      U_DENSE1_WEIGHT: wide = |value[63:CH*W_W];
      U_DENSE2_WEIGHT: wide = |value[63:W_W];
      U_A_SETUP, U_B_SETUP: begin
        hole = at >= 8'd1 && at <= 8'd3;
        if (at == 8'd0) wide = |value[63:11];
        else if (!at[0]) wide = |value[63:ACC_W];
      end
      U_POOL_A, U_POOL_B: begin
        hole = at >= 8'd3 && at < 8'd64;
        if (at == 8'd0) wide = |value[63:RECIP_W];
        else if (at >= 8'd64) wide = |value[63:KEY_W+1];
      end
      U_DENSE1_QUANT: wide = |value[63:CH*11];
      U_DENSE1_SETUP: begin
        if (at == 8'd0) wide = |value[63:5];
        else if (at != 8'd1) wide = |value[63:8+$clog2(R)];
      end
      U_DENSE2_SETUP: wide = |value[63:D2_W];
      U_TABLE: wide = |value[63:18];
      U_TABLE_SETUP: begin
        if (at == 8'd0) wide = |value[63:7];
        else if (at == 8'd1) wide = |value[63:23];
        else if (at == 8'd2) wide = |value[63:D2_W];
      end
      default: ;
    endcase
  end
  // values on which the schedule rests, and kernels
  logic value_fits;
  wire byte_long = value[63:8] == '0;
  always_comb begin
    value_fits = 1'b1;
    if (record[127:120] == U_GLOBAL)
      case (record[67:64])
        4'd0: value_fits = byte_long && value[7:0] <= 8'd2;
        4'd1: value_fits = byte_long && value[7:0] != 0 && value[7:0] <= 8'(N);
        4'd2: value_fits = byte_long && value[7:0] != 0 && value[7:0] <= 8'd128;
        4'd3: value_fits = byte_long && value[7:0] != 0 && value[7:0] <= 8'd64;
        4'd4: value_fits = byte_long && value[7:0] >= 8'd22 && value[7:0] <= 8'd64;
        4'd8: value_fits = byte_long && value[7:0] >= 8'd10;
        4'd9: value_fits = byte_long && value[7:0] != 0 && value[7:0] <= 8'd10;
        4'd10: value_fits = byte_long && value[7:0] != 0 && value[7:0] <= 8'(PASSES * R);
        default: ;
      endcase
    if ((record[127:120] == U_A_SETUP || record[127:120] == U_B_SETUP) && at == 8'd0)
      value_fits = value[0] && value[4] && value[3:0] <= 4'd9 && value[7:4] <= 4'd9;
    if (record[127:120] == U_TABLE_SETUP && at == 8'd0) value_fits = value[1:0] != 2'd3;
  end

  // every register on which the schedule rests, and pace for all passes and outputs
  localparam int STEPS = N / S;
  localparam int PASS = $clog2(PASSES * R);
  localparam int LIST_BEATS = (N + 16) / 16;
  logic [GLOBALS:0] given;  // the last: what the scores go through
  logic [7:0] pace, beats;
  logic [3:0] outputs;
  logic [PASS:0] passes;
  logic [1:0] form;
  logic softmax;
  wire [PASS+6:0] busy_now = (PASS + 7)'(STEPS) * {6'd0, passes};
  logic [PASS+6:0] busy;
  if (R == 1) begin : g_busy
    assign busy = busy_now;
  end else begin : g_busy_later  // more bits; the judgement comes late enough
    always_ff @(posedge clk_i) busy <= busy_now;
  end
  wire paced = (PASS + 7)'(pace) >= busy && (R == 1 || pace >= 8'(STEPS * R)) &&
      pace >= {4'd0, outputs} + (softmax ? 8'd5 : 8'd2) &&
      (passes == (PASS + 1)'(1) || 9'(STEPS) >= {5'd0, outputs}) &&
      beats <= (form == 2'd0 ? 8'(LIST_BEATS) : form == 2'd1 ? 8'd128 : 8'd64);

  // a record is judged in one cycle, and written or not in the next
  logic [127:0] judged;
  logic no_unit, beyond, between, too_wide, no_value;
  wire [7:0] wrong = no_unit ? E_UNIT : beyond || between ? E_ADDRESS :
      too_wide || no_value ? E_VALUE : E_NONE;
  always_ff @(posedge clk_i) begin
    judged <= record;
    settling <= !rst_i && !clear_i && (left != 0 || judged_valid);
    judged_valid <= !rst_i && !clear_i && left != 0 && in_image;
    no_unit <= addresses == '0;
    beyond <= record[87:64] >= addresses;
    between <= hole;
    too_wide <= wide;
    no_value <= !value_fits;
    cfg_we_o <= !rst_i && judged_valid && wrong == E_NONE && error_o == E_NONE;
    cfg_unit_o <= judged[127:120];
    cfg_addr_o <= judged[87:64];
    cfg_data_o <= judged[63:0];
    if (rst_i || clear_i) begin
      left <= '0;
      seen <= '0;
      check <= '0;
      given <= '0;
      error_o <= E_NONE;
      records_o <= '0;
    end else if (valid_i && ready_o) begin
      if (header_i) begin
        records_o <= beat_i[95:64];
        wanted <= beat_i[127:96];
        if (beat_i[31:0] != MAGIC) error_o <= E_MAGIC;
        else if (beat_i[63:32] != VERSION) error_o <= E_VERSION;
        else if (beat_i[95:64] == 0 || beat_i[95:64] > MOST_RECORDS ||
                 {beat_i[91:64], 4'd0} + 32'd64 > bytes_i || beat_i[159:128] != N + ((R - 1) << 8) ||
                 beat_i[223:192] > F) error_o <= E_SIZE;
      end else begin
        held <= beat_i;
        left <= 3'd4;
      end
    end else if (left != 0) begin
      left <= left - 1'b1;
      held <= held >> 128;
      seen <= seen + 1'b1;
      if (in_image) begin
        check <= check ^ folded;
        if (record[127:120] == U_GLOBAL) begin
          for (int i = 0; i < GLOBALS; i++) if (record[67:64] == 4'(i)) given[i] <= 1'b1;
          if (record[67:64] == 4'd0) form <= record[1:0];
          if (record[67:64] == 4'd2) beats <= record[7:0];
          if (record[67:64] == 4'd8) pace <= record[7:0];
          if (record[67:64] == 4'd9) outputs <= record[3:0];
          if (record[67:64] == 4'd10) passes <= record[PASS:0];
        end
        if (record[127:120] == U_TABLE_SETUP && at == 8'd0) begin
          given[GLOBALS] <= 1'b1;
          softmax <= record[1:0] == 2'd2;
        end
      end
    end else if (judge_i && error_o == E_NONE) begin
      if (check_fails) error_o <= E_CHECK;
      else if (!(&given) || !paced_d) error_o <= E_VALUE;
    end
    if (!rst_i && !clear_i && judged_valid && error_o == E_NONE) error_o <= wrong;
    check_fails <= check != wanted;
    paced_d <= paced;
  end
endmodule
