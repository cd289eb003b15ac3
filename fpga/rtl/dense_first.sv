// dense_first: the dense layer behind the flattening, by places: each slot of the pooled window
// is one place with CH features; the O x CH products of S places are made in one cycle. Slots that
// carry nothing are 0 and add nothing. More outputs than O take further passes over the window,
// which is kept for that. O is OUTPUTS / R: with R > 1 there are fewer outputs a pass, and R times
// as many passes and places in all of them.
//
//     place --> quantizer's types --> cast --> dense_output x O --> dense_end x O/G
//          \----------------------------------/
//
// early_* comes 8 cycles before x_i. The outputs of a pass leave at once, G - 1 cycles later than
// with an end for each.
module dense_first #(
    parameter int N = 20,
    parameter int S = 1,  // divides N
    parameter int R = 1,  // 1, 2 or 4
    parameter int G = S == 1 ? 4 / R : 1  // outputs that share an end: 1, 2 or 4
) (
    input logic clk_i,
    input logic rst_i,
    input logic cfg_we_i,
    input logic [sparse_pkg::UNIT_W-1:0] cfg_unit_i,
    input logic [sparse_pkg::ADDR_W-1:0] cfg_addr_i,
    input logic [sparse_pkg::DATA_W-1:0] cfg_data_i,
    input logic [$clog2(sparse_pkg::PASSES*R):0] passes_i,  // 1 .. PASSES R
    input logic early_valid_i,
    input logic early_last_i,
    input logic [S*sparse_pkg::KEY_W-1:0] early_key_i,
    input logic [S*sparse_pkg::CH*sparse_pkg::SUM_W-1:0] x_i,
    output logic soon_o,  // a cycle before valid_o
    output logic [$clog2(sparse_pkg::PASSES*R)-1:0] pass_o,  // with soon_o and valid_o
    output logic valid_o,
    output logic last_o,  // of the passes
    output logic [sparse_pkg::OUTPUTS/R*sparse_pkg::X_W-1:0] x_o
);
  import sparse_pkg::*;
  localparam int PLACES = 256;
  localparam int O = OUTPUTS / R;
  localparam int PASS = $clog2(PASSES * R);  // number of a pass
  localparam int AT = 8 + $clog2(R);  // of a place in all passes
  localparam int AT_ROOM = R == 1 ? 8 : 16;
  localparam int STEPS = N / S;
  localparam int IDX = $clog2(STEPS);

  // ---- setup: 0: [2:0] rounding [4:3] overflow of the quantizer; 1: bits of the accumulator;
  //      2 + pass: where a pass's weights begin ----
  logic [4:0] modes;
  logic [D1_W-1:0] acc_mask, acc_sign;
  logic [PASSES*R*AT_ROOM-1:0] begins;
  always_ff @(posedge clk_i) acc_sign <= acc_mask & ~(acc_mask >> 1);
  always_ff @(posedge clk_i)
    if (cfg_we_i && cfg_unit_i == U_DENSE1_SETUP) begin
      if (cfg_addr_i[PASS:0] == (PASS + 1)'(0)) modes <= cfg_data_i[4:0];
      if (cfg_addr_i[PASS:0] == (PASS + 1)'(1)) acc_mask <= cfg_data_i[D1_W-1:0];
      for (int p = 0; p < PASSES * R; p++)
        if (cfg_addr_i[PASS:0] == (PASS + 1)'(2 + p))
          begins[p*AT_ROOM+:AT_ROOM] <= AT_ROOM'(cfg_data_i[AT-1:0]);
    end

  // ---- the place, delayed to where its types and its weights are wanted ----
  localparam int E_W = S * KEY_W + 2;
  logic [10*E_W-1:0] early;
  delay_line #(.W(E_W), .N(9), .RESET(1)) u_early (
      .clk_i, .rst_i, .d_i({early_valid_i, early_last_i, early_key_i}), .q_o(early));
  wire [E_W-1:0] early6 = early[6*E_W+:E_W];
  wire [E_W-1:0] early9 = early[9*E_W+:E_W];

  // ---- quantizer: types by place, cast 3 cycles ----
  localparam int Q_W = CH * 11;
  logic [S*CH*X_W-1:0] cast;
  for (genvar i = 0; i < S; i++) begin : g_quant
    (* ram_style = "block" *) logic [Q_W-1:0] quant[PLACES];
    logic [Q_W-1:0] quant_a, quant_b;
    always_ff @(posedge clk_i) begin
      if (cfg_we_i && cfg_unit_i == U_DENSE1_QUANT) quant[cfg_addr_i[7:0]] <= cfg_data_i[Q_W-1:0];
      quant_a <= quant[early6[i*KEY_W+:8]];
      quant_b <= quant_a;
    end
    for (genvar c = 0; c < CH; c++) begin : g_cast
      wire [10:0] kind = quant_b[c*11+:11];  // {signed, bits of the largest value, shift}
      logic [X_W-1:0] mask;
      for (genvar b = 0; b < X_W; b++) begin : g_mask
        assign mask[b] = kind[9:5] > 5'(b);
      end
      cast_shift #(.IN(SUM_W), .OUT(X_W)) u_cast (
          .clk_i, .x_i(x_i[(i*CH+c)*SUM_W+:SUM_W]), .shift_i(kind[4:0]), .round_i(modes[2:0]),
          .overflow_i(modes[4:3]), .signed_i(kind[10]), .mask_i(mask),
          .z_o(cast[(i*CH+c)*X_W+:X_W]));
    end
  end

  // ---- address stage: the first pass as places come, the others from what was kept ----
  logic [PASS:0] replay;  // pass that is repeated, 0: none
  logic [IDX-1:0] idx, back;
  (* ram_style = "distributed" *) logic [S*8-1:0] kept_key[2**IDX];
  (* ram_style = "distributed" *) logic [S*CH*X_W-1:0] kept_x[2**IDX];
  wire fresh = early9[S*KEY_W+1];
  wire fresh_last = early9[S*KEY_W];
  logic [S*8-1:0] place9;
  for (genvar i = 0; i < S; i++) begin : g_place
    assign place9[i*8+:8] = early9[i*KEY_W+:8];
  end
  wire again = replay != 0;
  wire back_last = back == IDX'(STEPS - 1);
  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      idx <= '0;
      back <= '0;
      replay <= '0;
    end else begin
      if (fresh) idx <= fresh_last ? '0 : idx + 1'b1;
      if (fresh && fresh_last && passes_i > (PASS + 1)'(1)) replay <= (PASS + 1)'(1);
      else if (again && back_last) replay <= (replay + 1'b1 == passes_i) ? '0 : replay + 1'b1;
      if (again) back <= back_last ? '0 : back + 1'b1;
    end
    if (fresh) kept_key[idx] <= place9;
  end
  wire [S*8-1:0] key = again ? kept_key[back] : place9;
  wire [AT-1:0] from = again ? begins[{1'b0, replay[PASS-1:0]}*AT_ROOM+:AT] : begins[AT-1:0];

  // s[i]: i cycles after the address: {valid, first, last, pass, index, replayed}
  localparam int S_W = 4 + PASS + IDX;
  logic [7*S_W-1:0] s;
  delay_line #(.W(S_W), .N(6), .RESET(1)) u_s (
      .clk_i, .rst_i, .q_o(s),
      .d_i({fresh || again, again ? back == '0 : idx == '0, again ? back_last : fresh_last,
            again ? replay[PASS-1:0] : PASS'(0), again ? back : idx, again}));
  wire [S_W-1:0] s2 = s[2*S_W+:S_W];
  wire [S_W-1:0] s4 = s[4*S_W+:S_W];
  wire [S_W-1:0] s5 = s[5*S_W+:S_W];
  wire [S_W-1:0] s6 = s[6*S_W+:S_W];

  logic [S*AT-1:0] address;
  for (genvar i = 0; i < S; i++) begin : g_address
    assign address[i*AT+:AT] = AT'(key[i*8+:8]) + from;
  end
  wire [IDX-1:0] keep_at = s2[1+:IDX];
  wire [S*CH*X_W-1:0] kept = kept_x[keep_at];
  wire [S*CH*X_W-1:0] x = s2[0] ? kept : cast;
  always_ff @(posedge clk_i) if (s2[S_W-1] && !s2[0]) kept_x[keep_at] <= cast;

  // ---- outputs ----
  wire weight_we = cfg_we_i && cfg_unit_i == U_DENSE1_WEIGHT;
  wire out_we = cfg_we_i && cfg_unit_i == U_DENSE1_OUT;
  logic [O*D1_W-1:0] sums;
  for (genvar o = 0; o < O; o++) begin : g_o
    dense_output #(.S(S), .R(R)) u_output (
        .clk_i, .weight_we_i(weight_we && cfg_addr_i[12:AT] == o),
        .bias_we_i(out_we && cfg_addr_i[7:1+PASS] == o && !cfg_addr_i[0]),
        .cfg_at_i(cfg_addr_i[AT-1:0]), .cfg_data_i, .address_i(address), .x_i(x),
        .pass4_i(s4[1+IDX+:PASS]), .valid5_i(s5[S_W-1]),
        .first5_i(s5[S_W-2]), .last5_i(s5[S_W-3]), .sum_o(sums[o*D1_W+:D1_W]));
  end

  // ---- ends: of outputs 0, G, .. first ----
  localparam int G_W = $clog2(G);
  wire ready = s6[S_W-1] && s6[S_W-3];  // all sums
  logic [G+1:0] e_d;  // e[i]: i cycles after that
  logic [(G+1)*PASS-1:0] pass_d;
  wire [G+2:0] e = {e_d, ready};
  wire [(G+2)*PASS-1:0] passes = {pass_d, s6[1+IDX+:PASS]};
  always_ff @(posedge clk_i) begin
    e_d <= rst_i ? '0 : e[G+1:0];
    pass_d <= passes[(G+1)*PASS-1:0];
  end
  logic [PASS-1:0] at_pass;  // which of an end's outputs enters
  logic [1:0] at_output;
  always_comb begin
    at_pass = passes[PASS-1:0];
    at_output = '0;
    for (int i = 1; i < G; i++) if (e[i]) {at_pass, at_output} = {passes[i*PASS+:PASS], 2'(i)};
  end
  localparam int AT_W = PASS + G_W;
  wire [AT_W-1:0] at = AT_W'(at_pass) << G_W | AT_W'(at_output);
  wire [AT_W-1:0] cfg_at = AT_W'(cfg_addr_i[1+:PASS]) << G_W |
      AT_W'(cfg_addr_i[1+PASS+:2] & 2'(G - 1));
  for (genvar d = 0; d < O / G; d++) begin : g_d
    logic [D1_W-1:0] acc;
    logic [X_W-1:0] z;
    logic [G*X_W-1:0] early;
    wire mine = out_we && cfg_addr_i[0] && cfg_addr_i[7:1+PASS+G_W] == (7 - PASS - G_W)'(d);
    always_comb begin
      acc = sums[d*G*D1_W+:D1_W];
      for (int i = 1; i < G; i++) if (at_output == 2'(i)) acc = sums[(d*G+i)*D1_W+:D1_W];
    end
    dense_end #(.G(G), .R(R)) u_end (
        .clk_i, .we_i(mine), .cfg_at_i(cfg_at), .cfg_data_i, .acc_mask_i(acc_mask),
        .acc_sign_i(acc_sign), .at_i(at), .acc_i(acc), .z_o(z));
    // the early ones wait for the last, and then stay until the next pass
    for (genvar i = 0; i < G; i++) begin : g_early
      always_ff @(posedge clk_i) begin
        if (e[2+i]) early[i*X_W+:X_W] <= z;
        if (e[G+1]) x_o[(d*G+i)*X_W+:X_W] <= i == G - 1 ? z : early[i*X_W+:X_W];
      end
    end
  end
  assign soon_o = e[G+1];
  assign valid_o = e[G+2];
  logic [PASS-1:0] pass_end;
  always_ff @(posedge clk_i) pass_end <= passes[(G+1)*PASS+:PASS];
  assign pass_o = valid_o ? pass_end : passes[(G+1)*PASS+:PASS];
  assign last_o = {1'b0, pass_end} + 1'b1 == passes_i;
endmodule
