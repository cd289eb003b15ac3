// sparse_core: beats of windows in, scores out; no bus. A fixed schedule: once the last beat of a
// window is taken, its scores come a fixed number of cycles later, whatever the data.
//
//     beats --> window_input --> conv_gather --> pool_between --> conv_scatter --> pool -->
//               N pixels         S slots a cycle (if used)        S slots a cycle  S places
//                                or one in R cycles
//           --> dense_first --> dense_second --> score_table --> scores
//               S places a cycle an output a cycle
module sparse_core #(
    parameter int N = 20,
    parameter int S = 1,  // slots a cycle: 1, or 2 where N is even
    parameter int R = 1,  // slots that share a lane: 1, 2 or 4, divides N; 1 where S > 1
    parameter int F = sparse_pkg::CH  // filters of the first convolution
) (
    input logic clk_i,
    input logic rst_i,
    input logic cfg_we_i,
    input logic [sparse_pkg::UNIT_W-1:0] cfg_unit_i,
    input logic [sparse_pkg::ADDR_W-1:0] cfg_addr_i,
    input logic [sparse_pkg::DATA_W-1:0] cfg_data_i,
    input logic room_i,
    input logic valid_i,
    output logic ready_o,
    input logic [511:0] beat_i,
    output logic ended_o,
    output logic counted_o,
    output logic [31:0] active_o,
    output logic score_valid_o,
    output logic [sparse_pkg::OUT_W-1:0] score_o,
    output logic [8:0] beats_o,  // of a window
    output logic [3:0] outputs_o
);
  import sparse_pkg::*;

  // ---- global registers ----
  logic [1:0] form;
  logic [$clog2(N+1)-1:0] slots;
  logic [6:0] last_lanes, width;
  logic [16:0] threshold;
  logic is_signed;
  logic [47:0] input_type;
  logic [7:0] pace;
  logic [$clog2(PASSES*R):0] passes;
  always_ff @(posedge clk_i)
    if (cfg_we_i && cfg_unit_i == U_GLOBAL) begin
      case (cfg_addr_i[3:0])
        4'd0: form <= cfg_data_i[1:0];
        4'd1: slots <= cfg_data_i[$clog2(N+1)-1:0];
        4'd2: beats_o <= cfg_data_i[8:0];
        4'd3: last_lanes <= cfg_data_i[6:0];
        4'd4: width <= cfg_data_i[6:0];
        4'd5: threshold <= cfg_data_i[16:0];
        4'd6: is_signed <= cfg_data_i[0];
        4'd7: input_type <= cfg_data_i[47:0];
        4'd8: pace <= cfg_data_i[7:0];
        4'd9: outputs_o <= cfg_data_i[3:0];
        4'd10: passes <= cfg_data_i[$clog2(PASSES*R):0];
        default: ;
      endcase
    end

  logic start;
  logic [N*PLACE-1:0] in_row, in_col;
  logic [N-1:0] in_occupied;
  logic [N*X_W-1:0] in_x;
  window_input #(.N(N), .R(R)) u_input (
      .clk_i, .rst_i, .form_i(form), .slots_i(slots), .beats_i(beats_o),
      .last_lanes_i(last_lanes), .width_i(width), .threshold_i(threshold), .signed_i(is_signed),
      .type_i(input_type), .pace_i(pace), .room_i, .valid_i, .ready_o, .beat_i, .ended_o,
      .counted_o, .active_o, .start_o(start), .row_o(in_row), .col_o(in_col),
      .occupied_o(in_occupied), .x_o(in_x));

  logic [N*PLACE-1:0] a_p_row, a_p_col;
  logic a_valid, a_first, a_last;
  logic [S-1:0] a_occupied;
  logic [S*PLACE-1:0] a_row, a_col;
  logic [S*CH*Y_W-1:0] a_x;
  conv_gather #(.N(N), .S(S), .R(R), .F(F)) u_conv_a (
      .clk_i, .rst_i, .cfg_we_i, .cfg_unit_i, .cfg_addr_i, .cfg_data_i, .start_i(start),
      .row_i(in_row), .col_i(in_col), .occupied_i(in_occupied), .x_i(in_x), .type_i(input_type), .p_row_o(a_p_row),
      .p_col_o(a_p_col), .valid_o(a_valid), .first_o(a_first), .last_o(a_last), .row_o(a_row),
      .col_o(a_col), .occupied_o(a_occupied), .x_o(a_x));

  logic [N*PLACE-1:0] m_p_row, m_p_col;
  logic m_valid, m_first, m_last;
  logic [S-1:0] m_occupied;
  logic [S*PLACE-1:0] m_row, m_col;
  logic [S*CH*X_W-1:0] m_x;
  pool_between #(.N(N), .S(S), .R(R)) u_pool_a (
      .clk_i, .rst_i, .cfg_we_i, .cfg_unit_i, .cfg_addr_i, .cfg_data_i, .p_row_i(a_p_row),
      .p_col_i(a_p_col), .valid_i(a_valid), .first_i(a_first), .last_i(a_last), .row_i(a_row),
      .col_i(a_col), .occupied_i(a_occupied), .x_i(a_x), .p_row_o(m_p_row), .p_col_o(m_p_col),
      .valid_o(m_valid), .first_o(m_first), .last_o(m_last), .row_o(m_row), .col_o(m_col),
      .occupied_o(m_occupied), .x_o(m_x));

  logic [S*(KEY_W+1)-1:0] key;
  logic used_unused, saturates;
  logic [SUM_W-1:0] sum_mask;
  logic [RECIP_W-1:0] recip;
  logic [47:0] pool_type;
  pool_setup #(.UNIT(U_POOL_B), .S(S)) u_pool_b_setup (
      .clk_i, .cfg_we_i, .cfg_unit_i, .cfg_addr_i, .cfg_data_i, .row_i(m_row), .col_i(m_col),
      .key_o(key), .used_o(used_unused), .saturates_o(saturates), .sum_mask_o(sum_mask),
      .recip_o(recip), .type_o(pool_type));

  logic b_valid;
  logic [N*CH*Y_W-1:0] b_y;
  logic [N*(KEY_W+1)-1:0] b_key;
  conv_scatter #(.N(N), .S(S), .R(R), .CHAINS(F > 1)) u_conv_b (
      .clk_i, .rst_i, .cfg_we_i, .cfg_unit_i, .cfg_addr_i, .cfg_data_i, .valid_i(m_valid),
      .first_i(m_first), .last_i(m_last), .p_row_i(m_p_row), .p_col_i(m_p_col), .row_i(m_row),
      .col_i(m_col), .occupied_i(m_occupied), .x_i(m_x), .key_i(key), .valid_o(b_valid),
      .y_o(b_y), .key_o(b_key));

  logic early_valid, early_last, p_valid, p_first, p_last;
  logic [S-1:0] p_carries;
  logic [S*KEY_W-1:0] early_key, p_key;
  logic [S*CH*SUM_W-1:0] p_x;
  pool #(.N(N), .S(S), .OUT(SUM_W)) u_pool_b (
      .clk_i, .rst_i, .recip_i(recip), .saturates_i(saturates), .sum_mask_i(sum_mask),
      .type_i(pool_type), .start_i(b_valid), .y_i(b_y), .key_i(b_key),
      .early_valid_o(early_valid), .early_last_o(early_last), .early_key_o(early_key),
      .valid_o(p_valid), .first_o(p_first), .last_o(p_last), .carries_o(p_carries),
      .key_o(p_key), .x_o(p_x));

  logic d1_soon, d1_valid, d1_last;
  logic [$clog2(PASSES*R)-1:0] d1_pass;
  logic [OUTPUTS/R*X_W-1:0] d1_x;
  dense_first #(.N(N), .S(S), .R(R)) u_dense1 (
      .clk_i, .rst_i, .cfg_we_i, .cfg_unit_i, .cfg_addr_i, .cfg_data_i, .passes_i(passes),
      .early_valid_i(early_valid), .early_last_i(early_last), .early_key_i(early_key), .x_i(p_x),
      .soon_o(d1_soon), .pass_o(d1_pass), .valid_o(d1_valid), .last_o(d1_last), .x_o(d1_x));

  logic d2_valid, d2_first, d2_last;
  logic [D2_W-1:0] d2_y;
  dense_second #(.R(R)) u_dense2 (
      .clk_i, .rst_i, .cfg_we_i, .cfg_unit_i, .cfg_addr_i, .cfg_data_i, .outputs_i(outputs_o),
      .soon_i(d1_soon), .pass_i(d1_pass), .valid_i(d1_valid), .last_i(d1_last), .x_i(d1_x),
      .valid_o(d2_valid), .first_o(d2_first), .last_o(d2_last), .y_o(d2_y));

  score_table u_table (
      .clk_i, .rst_i, .cfg_we_i, .cfg_unit_i, .cfg_addr_i, .cfg_data_i, .valid_i(d2_valid),
      .first_i(d2_first), .last_i(d2_last), .y_i(d2_y), .valid_o(score_valid_o), .score_o);
endmodule
