// dense_first: the dense layer behind the flattening, by places: each slot of the pooled window
// is one place with CH features; its OUTPUTS x CH products are made in one cycle. Slots that
// carry nothing are 0 and add nothing. More outputs than OUTPUTS take further passes over the
// window, which is kept for that.
//
//     place --> quantizer's types --> cast --> product --> sum of channels --> sums --> wrap -->
//          \--> weights of the place -----------^                        round, relu --> overflow
//
// early_* comes 8 cycles before x_i. The outputs of a pass leave at once.
module dense_first #(
    parameter int N = 20
) (
    input logic clk_i,
    input logic rst_i,
    input logic cfg_we_i,
    input logic [sparse_pkg::UNIT_W-1:0] cfg_unit_i,
    input logic [sparse_pkg::ADDR_W-1:0] cfg_addr_i,
    input logic [sparse_pkg::DATA_W-1:0] cfg_data_i,
    input logic [2:0] passes_i,  // 1 .. PASSES
    input logic early_valid_i,
    input logic early_last_i,
    input logic [sparse_pkg::KEY_W-1:0] early_key_i,
    input logic [sparse_pkg::CH*sparse_pkg::SUM_W-1:0] x_i,
    output logic soon_o,  // a cycle before valid_o
    output logic [1:0] pass_o,  // with soon_o and valid_o
    output logic valid_o,
    output logic last_o,  // of the passes
    output logic [sparse_pkg::OUTPUTS*sparse_pkg::X_W-1:0] x_o
);
  import sparse_pkg::*;
  localparam int PLACES = 256;
  localparam int IDX = $clog2(N);

  // ---- setup: 0: [2:0] rounding [4:3] overflow of the quantizer; 1: bits of the accumulator;
  //      2 + pass: where a pass's weights begin ----
  logic [4:0] modes;
  logic [D1_W-1:0] acc_mask;
  logic [PASSES*8-1:0] begins;
  always_ff @(posedge clk_i)
    if (cfg_we_i && cfg_unit_i == U_DENSE1_SETUP) begin
      if (cfg_addr_i[2:0] == 3'd0) modes <= cfg_data_i[4:0];
      if (cfg_addr_i[2:0] == 3'd1) acc_mask <= cfg_data_i[D1_W-1:0];
      for (int p = 0; p < PASSES; p++)
        if (cfg_addr_i[2:0] == 3'(2 + p)) begins[p*8+:8] <= cfg_data_i[7:0];
    end

  // ---- the place, delayed to where its types and its weights are wanted ----
  localparam int E_W = KEY_W + 2;
  logic [10*E_W-1:0] early;
  delay_line #(.W(E_W), .N(9), .RESET(1)) u_early (
      .clk_i, .rst_i, .d_i({early_valid_i, early_last_i, early_key_i}), .q_o(early));
  wire [E_W-1:0] early6 = early[6*E_W+:E_W];
  wire [E_W-1:0] early9 = early[9*E_W+:E_W];

  // ---- quantizer: types by place, cast 3 cycles ----
  localparam int Q_W = CH * 11;
  (* ram_style = "block" *) logic [Q_W-1:0] quant[PLACES];
  logic [Q_W-1:0] quant_a, quant_b;
  always_ff @(posedge clk_i) begin
    if (cfg_we_i && cfg_unit_i == U_DENSE1_QUANT) quant[cfg_addr_i[7:0]] <= cfg_data_i[Q_W-1:0];
    quant_a <= quant[early6[7:0]];
    quant_b <= quant_a;
  end
  logic [CH*X_W-1:0] cast;
  for (genvar c = 0; c < CH; c++) begin : g_cast
    wire [10:0] kind = quant_b[c*11+:11];  // {signed, width, shift}
    logic [X_W-1:0] mask;
    for (genvar b = 0; b < X_W; b++) begin : g_mask
      assign mask[b] = kind[9:5] > 5'(b);
    end
    cast_shift #(.IN(SUM_W), .OUT(X_W)) u_cast (
        .clk_i, .x_i(x_i[c*SUM_W+:SUM_W]), .shift_i(kind[4:0]), .round_i(modes[2:0]),
        .overflow_i(modes[4:3]), .signed_i(kind[10]), .mask_i(mask), .z_o(cast[c*X_W+:X_W]));
  end

  // ---- address stage: the first pass as places come, the others from what was kept ----
  logic [2:0] replay;  // pass that is repeated, 0: none
  logic [IDX-1:0] idx, back;
  (* ram_style = "distributed" *) logic [7:0] kept_key[2**IDX];
  (* ram_style = "distributed" *) logic [CH*X_W-1:0] kept_x[2**IDX];
  wire fresh = early9[KEY_W+1];
  wire fresh_last = early9[KEY_W];
  wire again = replay != 0;
  wire back_last = back == IDX'(N - 1);
  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      idx <= '0;
      back <= '0;
      replay <= '0;
    end else begin
      if (fresh) idx <= fresh_last ? '0 : idx + 1'b1;
      if (fresh && fresh_last && passes_i > 3'd1) replay <= 3'd1;
      else if (again && back_last) replay <= (replay + 1'b1 == passes_i) ? 3'd0 : replay + 1'b1;
      if (again) back <= back_last ? '0 : back + 1'b1;
    end
    if (fresh) kept_key[idx] <= early9[7:0];
  end
  wire [7:0] key = again ? kept_key[back] : early9[7:0];
  wire [7:0] from = again ? begins[{1'b0, replay[1:0]}*8+:8] : begins[7:0];

  // s[i]: i cycles after the address: {valid, first, last, pass, index, replayed}
  localparam int S_W = 6 + IDX;
  logic [7*S_W-1:0] s;
  delay_line #(.W(S_W), .N(6), .RESET(1)) u_s (
      .clk_i, .rst_i, .q_o(s),
      .d_i({fresh || again, again ? back == '0 : idx == '0, again ? back_last : fresh_last,
            again ? replay[1:0] : 2'd0, again ? back : idx, again}));
  wire [S_W-1:0] s2 = s[2*S_W+:S_W];
  wire [S_W-1:0] s4 = s[4*S_W+:S_W];
  wire [S_W-1:0] s5 = s[5*S_W+:S_W];
  wire [S_W-1:0] s6 = s[6*S_W+:S_W];

  // ---- weights: one wide memory ----
  logic [OUTPUTS*CH*W_W-1:0] w;
  wire [7:0] address = key + from;
  for (genvar o = 0; o < OUTPUTS; o++) begin : g_w
    (* ram_style = "block" *) logic [CH*W_W-1:0] weight[PLACES];
    logic [CH*W_W-1:0] read;
    always_ff @(posedge clk_i) begin
      if (cfg_we_i && cfg_unit_i == U_DENSE1_WEIGHT && cfg_addr_i[12:8] == o)
        weight[cfg_addr_i[7:0]] <= cfg_data_i[CH*W_W-1:0];
      read <= weight[address];
      w[o*CH*W_W+:CH*W_W] <= read;
    end
  end

  wire [IDX-1:0] at = s2[1+:IDX];
  wire [CH*X_W-1:0] kept = kept_x[at];
  wire [CH*X_W-1:0] x = s2[0] ? kept : cast;
  always_ff @(posedge clk_i) if (s2[S_W-1] && !s2[0]) kept_x[at] <= cast;

  // ---- products, sums, and the cast of the next layer ----
  // {bias, type word} of each output and pass
  wire [1:0] pass5 = s4[1+IDX+:2];
  logic end1, end2, end3;
  logic [1:0] pass1, pass2, pass3;
  always_ff @(posedge clk_i) begin
    end1 <= s6[S_W-1] && s6[S_W-3] && !rst_i;
    pass1 <= s6[1+IDX+:2];
    {end2, pass2} <= {end1 && !rst_i, pass1};
    {end3, pass3} <= {end2 && !rst_i, pass2};
  end
  assign soon_o = end2;
  assign valid_o = end3;
  assign pass_o = end3 ? pass3 : pass2;
  assign last_o = {1'b0, pass3} + 3'd1 == passes_i;
  for (genvar o = 0; o < OUTPUTS; o++) begin : g_o
    (* ram_style = "distributed" *) logic [D1_W-1:0] biases[PASSES];
    (* ram_style = "distributed" *) logic [X_W+6:0] kinds[PASSES];  // {mask, relu, signed, modes}
    wire mine = cfg_we_i && cfg_unit_i == U_DENSE1_OUT && cfg_addr_i[7:3] == o;
    logic signed [X_W+W_W-1:0] m0, m1, m2, p0, p1, p2;
    logic signed [X_W+W_W+1:0] sum;
    logic [D1_W-1:0] acc, bias, wrapped, rectified;
    logic [X_W+6:0] kind, kind_d;
    wire [D1_W-1:0] sign = acc & acc_mask & ~(acc_mask >> 1);
    logic [D1_W-SHIFT-1:0] rounded, rounded_d;
    logic [X_W-1:0] z;
    assign rectified = (kind[6] && wrapped[D1_W-1]) ? '0 : wrapped;
    fixed_round #(.IN(D1_W), .SHIFT(SHIFT)) u_round (
        .y_i(rectified), .mode_i(kind[2:0]), .z_o(rounded));
    fixed_overflow #(.IN(D1_W - SHIFT), .OUT(X_W)) u_overflow (
        .y_i(rounded_d), .mask_i(kind_d[7+:X_W]), .signed_i(kind_d[5]), .mode_i(kind_d[4:3]),
        .z_o(z));
    always_ff @(posedge clk_i) begin
      if (mine && !cfg_addr_i[0]) biases[cfg_addr_i[2:1]] <= cfg_data_i[D1_W-1:0];
      if (mine && cfg_addr_i[0]) kinds[cfg_addr_i[2:1]] <= {cfg_data_i[16+:X_W], cfg_data_i[11], cfg_data_i[5:0]};
      m0 <= $signed(x[0+:X_W]) * $signed(w[(o*CH+0)*W_W+:W_W]);
      m1 <= $signed(x[X_W+:X_W]) * $signed(w[(o*CH+1)*W_W+:W_W]);
      m2 <= $signed(x[2*X_W+:X_W]) * $signed(w[(o*CH+2)*W_W+:W_W]);
      {p0, p1, p2} <= {m0, m1, m2};
      sum <= {{2{p0[X_W+W_W-1]}}, p0} + {{2{p1[X_W+W_W-1]}}, p1} + {{2{p2[X_W+W_W-1]}}, p2};
      bias <= biases[pass5];
      if (s5[S_W-1]) acc <= (s5[S_W-2] ? bias : acc) + {{(D1_W - X_W - W_W - 2) {sum[X_W+W_W+1]}}, sum};
      wrapped <= (acc & acc_mask) | (|sign ? ~acc_mask : '0);
      kind <= kinds[s6[1+IDX+:2]];
      kind_d <= kind;
      rounded_d <= rounded;
      if (end2) x_o[o*X_W+:X_W] <= z;
    end
  end
endmodule
