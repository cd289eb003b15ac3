// pool: average pooling of the slots of a window, S slots a cycle: the first slot of a place
// (lowest index) gets the sum of all slots there, saturated in the accumulator's type, times the
// reciprocal of the area, rounded once; later ones and those of a partial place get 0.
//
// start_i with a window, at least N/S cycles apart; slot p leaves 9 + p/S cycles later, its
// place's number 1 + p/S cycles later. With R > 1 a slot leaves every R cycles, the first R - 1
// cycles later.
module pool #(
    parameter int N = 20,
    parameter int S = 1,  // divides N
    parameter int R = 1,  // cycles a slot takes: 1, 2 or 4
    parameter int C = sparse_pkg::CH,  // channels
    parameter int OUT = 27
) (
    input logic clk_i,
    input logic rst_i,
    input logic [sparse_pkg::RECIP_W-1:0] recip_i,
    input logic saturates_i,  // the sum, to an unsigned type with these bits
    input logic [sparse_pkg::SUM_W-1:0] sum_mask_i,
    input logic [47:0] type_i,
    input logic start_i,
    input logic [N*C*sparse_pkg::Y_W-1:0] y_i,
    input logic [N*(sparse_pkg::KEY_W+1)-1:0] key_i,
    output logic early_valid_o,
    output logic early_last_o,
    output logic [S*sparse_pkg::KEY_W-1:0] early_key_o,
    output logic valid_o,
    output logic first_o,
    output logic last_o,
    output logic [S-1:0] carries_o,  // the first slot of a whole place
    output logic [S*sparse_pkg::KEY_W-1:0] key_o,
    output logic [S*C*OUT-1:0] x_o
);
  import sparse_pkg::*;
  localparam int K = KEY_W + 1;
  localparam int P_W = SUM_W + RECIP_W + 1;
  localparam int STEPS = N / S;
  localparam int L_W = $clog2(STEPS + 1);

  logic [N*C*Y_W-1:0] y;
  logic [N*K-1:0] p_key, q_key;
  logic [N-1:0] earlier;
  logic [L_W-1:0] left;
  logic [1:0] turn;
  wire step = turn == 2'(R - 1);
  wire run = left != 0 && step;
  if (R == 1) begin : g_no_turns
    assign turn = '0;
  end else begin : g_turns
    always_ff @(posedge clk_i) turn <= (start_i || step) ? 2'd0 : turn + 2'd1;
  end
  always_ff @(posedge clk_i) begin
    if (rst_i) left <= '0;
    else if (start_i) left <= L_W'(STEPS);
    else if (run) left <= left - 1'b1;
    if (start_i) begin
      {y, p_key, q_key} <= {y_i, key_i, key_i};
      earlier <= '0;
    end else if (step) begin
      p_key <= p_key >> (S * K);
      earlier <= ~(~earlier << S);
    end
  end

  logic [S*N-1:0] same;
  logic [S-1:0] carries;
  for (genvar s = 0; s < S; s++) begin : g_same
    for (genvar q = 0; q < N; q++) begin : g_q
      assign same[s*N+q] = q_key[q*K+:K] == p_key[s*K+:K];
    end
    wire [N-1:0] lower = ~(~earlier << s);
    assign carries[s] = run && p_key[s*K+K-1] && (same[s*N+:N] & lower) == '0;
    assign early_key_o[s*KEY_W+:KEY_W] = p_key[s*K+:KEY_W];
  end
  assign early_valid_o = run;
  assign early_last_o = left == 1;

  localparam int SIDE = 3 + S + S * KEY_W;
  localparam int LATENCY = 8;
  logic [(LATENCY+1)*SIDE-1:0] side;
  delay_line #(.W(SIDE), .N(LATENCY)) u_side (
      .clk_i, .rst_i, .q_o(side),
      .d_i({run, left == L_W'(STEPS), left == 1, carries, early_key_o}));
  wire [S-1:0] carries_end = side[(LATENCY-1)*SIDE+S*KEY_W+:S];
  assign {valid_o, first_o, last_o, carries_o, key_o} = side[LATENCY*SIDE+:SIDE];

  for (genvar s = 0; s < S; s++) begin : g_s
    for (genvar c = 0; c < C; c++) begin : g_c
      localparam int PAIRS = (N + 1) / 2;
      logic [2*PAIRS*SUM_W-1:0] term;
      logic [PAIRS*SUM_W-1:0] pair;
      wire [2*PAIRS-1:0] on = (2 * PAIRS)'(same[s*N+:N]);
      for (genvar q = 0; q < 2 * PAIRS; q++) begin : g_q
        if (q < N) begin : g_slot
          wire [Y_W-1:0] from = y[(q*C+c)*Y_W+:Y_W];
          assign term[q*SUM_W+:SUM_W] = {{(SUM_W - Y_W) {from[Y_W-1]}}, from};
        end else begin : g_none
          assign term[q*SUM_W+:SUM_W] = '0;
        end
      end
      for (genvar i = 0; i < PAIRS; i++) begin : g_pair
        adder_gated #(.W(SUM_W)) u_pair (
            .a_i(term[2*i*SUM_W+:SUM_W]), .b_i(term[(2*i+1)*SUM_W+:SUM_W]), .on_i(on[2*i+:2]),
            .sum_o(pair[i*SUM_W+:SUM_W]));
      end
      logic [SUM_W-1:0] sum, sat;
      adder_tree #(.N(PAIRS), .W(SUM_W)) u_tree (.clk_i, .x_i(pair), .sum_o(sum));
      logic signed [P_W-1:0] m, p;
      logic [P_W-POOL_SHIFT-1:0] rounded, rounded_d;
      logic [OUT-1:0] z;
      fixed_round #(.IN(P_W), .SHIFT(POOL_SHIFT)) u_round (
          .y_i(p), .mode_i(type_i[2:0]), .z_o(rounded));
      fixed_overflow #(.IN(P_W - POOL_SHIFT), .OUT(OUT)) u_overflow (
          .y_i(rounded_d), .mask_i(type_i[16+:OUT]), .signed_i(type_i[5]),
          .mode_i(type_i[4:3]), .z_o(z));
      always_ff @(posedge clk_i) begin
        sat <= (saturates_i && |(sum & ~sum_mask_i)) ? sum_mask_i : sum;
        m <= $signed(sat) * $signed({1'b0, recip_i});
        p <= m;
        rounded_d <= rounded;
        x_o[(s*C+c)*OUT+:OUT] <= carries_end[s] ? z : '0;
      end
    end
  end
endmodule
