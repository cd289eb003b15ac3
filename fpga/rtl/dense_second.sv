// dense_second: the last dense layer, one output a cycle: OUTPUTS / R inputs against their weights,
// adder tree, and what earlier passes of the inputs left. Each product drops D2_SHIFT bits, the
// sum wraps to the accumulator's type. Output j leaves 7 + j cycles after valid_i.
module dense_second #(
    parameter int R = 1  // inputs come in times as many passes, as in dense_first
) (
    input logic clk_i,
    input logic rst_i,
    input logic cfg_we_i,
    input logic [sparse_pkg::UNIT_W-1:0] cfg_unit_i,
    input logic [sparse_pkg::ADDR_W-1:0] cfg_addr_i,
    input logic [sparse_pkg::DATA_W-1:0] cfg_data_i,
    input logic [3:0] outputs_i,
    input logic soon_i,  // a cycle before valid_i
    input logic [$clog2(sparse_pkg::PASSES*R)-1:0] pass_i,
    input logic valid_i,
    input logic last_i,
    input logic [sparse_pkg::OUTPUTS/R*sparse_pkg::X_W-1:0] x_i,  // steady until the next valid_i
    output logic valid_o,
    output logic first_o,
    output logic last_o,
    output logic [sparse_pkg::D2_W-1:0] y_o
);
  import sparse_pkg::*;
  localparam int P_W = X_W + W_W;
  localparam int I = OUTPUTS / R;
  localparam int PASS = $clog2(PASSES * R);  // number of a pass

  logic [D2_W-1:0] acc_mask;
  (* ram_style = "distributed" *) logic [D2_W-1:0] biases[16];
  wire setup = cfg_we_i && cfg_unit_i == U_DENSE2_SETUP;
  always_ff @(posedge clk_i) begin
    if (setup && !cfg_addr_i[4]) acc_mask <= cfg_data_i[D2_W-1:0];
    if (setup && cfg_addr_i[4]) biases[cfg_addr_i[3:0]] <= cfg_data_i[D2_W-1:0];
  end

  // weight of output j is read while output j - 1 is multiplied
  logic [3:0] j;
  logic run, last_pass;
  logic [PASS-1:0] pass;
  wire [3:0] next_j = soon_i ? 4'd0 : j + 4'd1;
  wire [PASS-1:0] next_pass = soon_i ? pass_i : pass;
  wire ends = j + 4'd1 == outputs_i;
  always_ff @(posedge clk_i) begin
    if (rst_i) run <= 1'b0;
    else if (soon_i) run <= 1'b1;
    else if (ends) run <= 1'b0;
    if (soon_i) pass <= pass_i;
    if (soon_i || run) j <= next_j;
  end
  wire final_pass = valid_i ? last_i : last_pass;
  always_ff @(posedge clk_i) if (valid_i) last_pass <= last_i;

  // s[i]: {valid, ends, last pass, first pass, j}
  logic [7*8-1:0] s;
  delay_line #(.W(8), .N(6), .RESET(1)) u_s (
      .clk_i, .rst_i, .d_i({run, ends, final_pass, pass == '0, j}), .q_o(s));
  wire [7:0] s4 = s[4*8+:8];
  wire [7:0] s5 = s[5*8+:8];
  wire [7:0] s6 = s[6*8+:8];

  logic [I*D2_W-1:0] term;
  for (genvar i = 0; i < I; i++) begin : g_i
    (* ram_style = "distributed" *) logic [W_W-1:0] weight[16*PASSES*R];
    wire mine = cfg_we_i && cfg_unit_i == U_DENSE2_WEIGHT && cfg_addr_i[10:4+PASS] == i;
    wire [3+PASS:0] address = mine ? cfg_addr_i[3+PASS:0] : {next_pass, next_j};
    logic signed [W_W-1:0] w;
    logic signed [P_W-1:0] m, p;
    always_ff @(posedge clk_i) begin
      if (mine) weight[address] <= cfg_data_i[W_W-1:0];
      w <= weight[address];
      m <= $signed(x_i[i*X_W+:X_W]) * w;
      p <= m;
    end
    assign term[i*D2_W+:D2_W] = {{(D2_W - P_W + D2_SHIFT) {p[P_W-1]}}, p[P_W-1:D2_SHIFT]};
  end
  logic [D2_W-1:0] sum, total, left, base;
  adder_tree #(.N(I), .W(D2_W)) u_tree (.clk_i, .x_i(term), .sum_o(sum));

  (* ram_style = "distributed" *) logic [D2_W-1:0] partial[16];
  wire [D2_W-1:0] sign = total & acc_mask & ~(acc_mask >> 1);
  assign left = sum + base;
  always_ff @(posedge clk_i) begin
    base <= s4[4] ? biases[s4[3:0]] : partial[s4[3:0]];
    total <= left;
    if (s5[7]) partial[s5[3:0]] <= left;
    y_o <= (total & acc_mask) | (|sign ? ~acc_mask : '0);
    valid_o <= s6[7] && s6[5] && !rst_i;
    first_o <= s6[3:0] == 4'd0;
    last_o <= s6[6];
  end
endmodule
