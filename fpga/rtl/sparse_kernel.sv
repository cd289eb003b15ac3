// sparse_kernel: the kernel as a card has it: registers, two memory ports, core. Weights and
// tables come from an image in memory (sparse-rtl makes it), at the first start and whenever the
// registers name another one; another network needs no other bitstream.
//
//     idle --start--> [header --> load -->] run --> done --> idle
//                          \________ error _________^
//
// A start always ends: with an error code instead of results if the image is not one, an address
// is not aligned or has more than 48 bits, or the memory answers with an error. After a bad image
// there is none. Should scores never come although no memory is waited for, a run ends with E_LOST.
module sparse_kernel #(
    parameter int N = 20,  // slots: 8 .. 63
    parameter int S = 1,  // slots a cycle: 1, or 2 where N is even
    parameter int R = 1,  // slots that share a lane: 1, 2 or 4, divides N; 1 where S > 1
    parameter int F = sparse_pkg::CH  // filters of the first convolution: 1 .. 3
) (
    input logic clk_i,
    input logic rst_ni,
    input logic s_axi_awvalid_i,
    output logic s_axi_awready_o,
    input logic [11:0] s_axi_awaddr_i,
    input logic s_axi_wvalid_i,
    output logic s_axi_wready_o,
    input logic [31:0] s_axi_wdata_i,
    input logic [3:0] s_axi_wstrb_i,
    output logic s_axi_bvalid_o,
    input logic s_axi_bready_i,
    output logic [1:0] s_axi_bresp_o,
    input logic s_axi_arvalid_i,
    output logic s_axi_arready_o,
    input logic [11:0] s_axi_araddr_i,
    output logic s_axi_rvalid_o,
    input logic s_axi_rready_i,
    output logic [31:0] s_axi_rdata_o,
    output logic [1:0] s_axi_rresp_o,
    output logic m_axi_arvalid_o,
    input logic m_axi_arready_i,
    output logic [63:0] m_axi_araddr_o,
    output logic [7:0] m_axi_arlen_o,
    input logic m_axi_rvalid_i,
    output logic m_axi_rready_o,
    input logic [511:0] m_axi_rdata_i,
    input logic [1:0] m_axi_rresp_i,
    input logic m_axi_rlast_i,
    output logic m_axi_awvalid_o,
    input logic m_axi_awready_i,
    output logic [63:0] m_axi_awaddr_o,
    output logic m_axi_wvalid_o,
    input logic m_axi_wready_i,
    output logic [31:0] m_axi_wdata_o,
    input logic m_axi_bvalid_i,
    output logic m_axi_bready_o,
    input logic [1:0] m_axi_bresp_i
);
  import sparse_pkg::*;
  localparam int IN_FLIGHT = 16;  // windows: room for all their scores

  logic rst;
  always_ff @(posedge clk_i) rst <= !rst_ni;

  typedef enum logic [3:0] {
    IDLE, CHECK, HEADER, HEADER_END, LOAD, LOAD_END, LOAD_JUDGED, COUNT, RUN, DRAIN, FINISH
  } state_t;
  state_t state;

  logic start, ready, done;
  logic [63:0] windows, results, image;
  logic [31:0] n_windows, tag, image_bytes, image_name, loaded_name, cycles;
  logic [7:0] error;
  registers u_registers (
      .clk_i, .rst_i(rst), .s_axi_awvalid_i, .s_axi_awready_o, .s_axi_awaddr_i, .s_axi_wvalid_i,
      .s_axi_wready_o, .s_axi_wdata_i, .s_axi_wstrb_i, .s_axi_bvalid_o, .s_axi_bready_i,
      .s_axi_bresp_o, .s_axi_arvalid_i, .s_axi_arready_o, .s_axi_araddr_i, .s_axi_rvalid_o,
      .s_axi_rready_i, .s_axi_rdata_o, .s_axi_rresp_o, .start_o(start), .ready_i(ready),
      .done_i(done), .idle_i(state == IDLE && !start), .error_i(error), .cycles_i(cycles),
      .windows_o(windows), .results_o(results), .n_windows_o(n_windows), .tag_o(tag),
      .image_o(image), .image_bytes_o(image_bytes), .image_name_o(image_name));

  // ---- memory in: to the loader or to the core ----
  logic read_start, read_busy, read_failed, read_valid, read_ready;
  logic [63:0] read_address;
  logic [40:0] read_beats, run_beats, run_beats_a;
  logic [511:0] beat;
  axi_read u_read (
      .clk_i, .rst_i(rst), .start_i(read_start), .address_i(read_address), .beats_i(read_beats),
      .busy_o(read_busy), .failed_o(read_failed), .valid_o(read_valid), .ready_i(read_ready),
      .data_o(beat), .m_axi_arvalid_o, .m_axi_arready_i, .m_axi_araddr_o, .m_axi_arlen_o,
      .m_axi_rvalid_i, .m_axi_rready_o, .m_axi_rdata_i, .m_axi_rresp_i, .m_axi_rlast_i);

  logic cfg_we;
  logic [UNIT_W-1:0] cfg_unit;
  logic [ADDR_W-1:0] cfg_addr;
  logic [DATA_W-1:0] cfg_data;
  logic load_ready, load_idle, load_clear;
  logic [31:0] records;
  logic [7:0] load_error;
  wire loading = state == HEADER || state == LOAD;
  loader #(.N(N), .S(S), .R(R), .F(F)) u_loader (
      .clk_i, .rst_i(rst), .clear_i(load_clear), .header_i(state == HEADER),
      .valid_i(read_valid && loading), .ready_o(load_ready), .beat_i(beat), .bytes_i(image_bytes),
      .records_o(records), .idle_o(load_idle), .judge_i(state == LOAD_END), .error_o(load_error),
      .cfg_we_o(cfg_we), .cfg_unit_o(cfg_unit), .cfg_addr_o(cfg_addr), .cfg_data_o(cfg_data));

  logic core_ready, ended, counted, score_valid, room, lost;
  logic [31:0] active;
  logic [OUT_W-1:0] score;
  logic [8:0] beats;
  logic [3:0] outputs;
  // what an ended run has left half done is forgotten
  sparse_core #(.N(N), .S(S), .R(R), .F(F)) u_core (
      .clk_i, .rst_i(rst || state == CHECK), .cfg_we_i(cfg_we), .cfg_unit_i(cfg_unit), .cfg_addr_i(cfg_addr),
      .cfg_data_i(cfg_data), .room_i(room), .valid_i(read_valid && state == RUN && !lost),
      .ready_o(core_ready), .beat_i(beat), .ended_o(ended), .counted_o(counted),
      .active_o(active), .score_valid_o(score_valid), .score_o(score), .beats_o(beats),
      .outputs_o(outputs));
  assign read_ready = loading ? load_ready : state == RUN ? core_ready || lost : 1'b0;

  // ---- results: tag and number active as soon as they are known, scores later; each word
  //      has its own address, so that their order is free ----
  logic head_empty, head_full, head_take, score_empty, score_full, score_take;
  logic [31:0] head_active, score_word;
  fifo #(.W(32), .DEPTH(2 * IN_FLIGHT)) u_heads (
      .clk_i, .rst_i(rst || state == CHECK), .put_i(counted), .data_i(active), .take_i(head_take),
      .data_o(head_active), .empty_o(head_empty), .full_o(head_full));
  fifo #(.W(32), .DEPTH(16 * IN_FLIGHT)) u_scores (
      .clk_i, .rst_i(rst || state == CHECK), .put_i(score_valid), .data_i(score), .take_i(score_take),
      .data_o(score_word), .empty_o(score_empty), .full_o(score_full));

  logic write_valid, write_ready, write_busy, write_failed;
  logic [47:0] write_address, head_at, score_at;
  logic [31:0] write_data, head_tag, heads_left, scores_left;
  logic head_second;
  logic [3:0] score_j;
  logic [5:0] flying, headless;
  logic [47:0] record_bytes;
  always_ff @(posedge clk_i) record_bytes <= {42'd0, outputs + 6'd2} << 2;
  axi_write u_write (
      .clk_i, .rst_i(rst), .clear_i(state == CHECK), .valid_i(write_valid),
      .ready_o(write_ready), .address_i({16'd0, write_address}), .data_i(write_data),
      .busy_o(write_busy), .failed_o(write_failed), .m_axi_awvalid_o, .m_axi_awready_i,
      .m_axi_awaddr_o, .m_axi_wvalid_o, .m_axi_wready_i, .m_axi_wdata_o, .m_axi_bvalid_i,
      .m_axi_bready_o, .m_axi_bresp_i);
  logic [3:0] last_j;
  always_ff @(posedge clk_i) last_j <= outputs - 4'd1;
  wire score_ends = score_j == last_j;
  // nothing is ever written behind the last result
  wire give_score = !score_empty && scores_left != 0;
  wire give_head = !give_score && !head_empty && heads_left != 0;
  assign write_valid = give_score || give_head;
  assign write_address = give_score ? score_at : head_second ? head_at + 48'd4 : head_at;
  assign write_data = give_score ? score_word : head_second ? head_active : head_tag;
  assign score_take = give_score && write_ready;
  assign head_take = give_head && head_second && write_ready;
  wire head_first = give_head && !head_second && write_ready;
  // windows whose scores are not yet with the writer, windows whose head is not: that of a list
  // may be written before its last beat has come, so it is signed
  assign room = flying < 6'(IN_FLIGHT) && $signed(headless) < 6'sd16;
  always_ff @(posedge clk_i) begin
    if (rst || state == CHECK) begin
      flying <= '0;
      headless <= '0;
      head_second <= 1'b0;
      score_j <= '0;
      head_at <= results[47:0];
      score_at <= results[47:0] + 48'd8;
      head_tag <= tag;
      heads_left <= n_windows;
      scores_left <= n_windows;
    end else begin
      flying <= flying + {5'd0, ended} - {5'd0, score_take && score_ends};
      headless <= headless + {5'd0, ended} - {5'd0, head_take};
      if (head_first) head_second <= 1'b1;
      if (head_take) begin
        head_second <= 1'b0;
        head_at <= head_at + record_bytes;
        head_tag <= head_tag + 1'b1;
        heads_left <= heads_left - 1'b1;
      end
      if (score_take) begin
        score_j <= score_ends ? 4'd0 : score_j + 4'd1;
        score_at <= score_at + (score_ends ? 48'd12 : 48'd4);
        if (score_ends) scores_left <= scores_left - 1'b1;
      end
    end
  end

  // ---- a run that goes on no more, though no memory is waited for ----
  logic [10:0] still;
  wire stuck = state == RUN ? read_valid && !core_ready && !write_valid && !write_busy :
      state == DRAIN && !write_valid && !write_busy;
  always_ff @(posedge clk_i) begin
    still <= stuck ? still + 11'd1 : '0;
    if (rst || state == CHECK) lost <= 1'b0;
    else if (state == RUN && still[10]) lost <= 1'b1;
  end

  // ---- the sequence ----
  logic has_model;
  logic [1:0] wait_count;
  // the registers are looked at all through a run, so a next one may be written only then
  assign ready = state == FINISH;
  assign done = state == FINISH;
  wire new_image = image_bytes != 0 && (!has_model || image_name != loaded_name);
  assign load_clear = state == CHECK;
  always_ff @(posedge clk_i) begin
    read_start <= 1'b0;
    run_beats_a <= n_windows * beats;
    run_beats <= run_beats_a;
    if (rst) begin
      state <= IDLE;
      has_model <= 1'b0;
      error <= E_NONE;
      cycles <= '0;
      wait_count <= '0;
    end else begin
      if (state != IDLE) cycles <= cycles + 1'b1;
      case (state)
        IDLE:
        if (start) begin
          state <= CHECK;
          error <= E_NONE;
          cycles <= '0;
        end
        CHECK: begin
          wait_count <= '0;
          if (windows[5:0] != 0 || image[5:0] != 0 || results[1:0] != 0 ||
              {windows[63:48], image[63:48], results[63:48]} != 0) begin
            error <= E_ALIGN;
            state <= FINISH;
          end else if (new_image) begin
            state <= HEADER;
            has_model <= 1'b0;
            read_start <= 1'b1;
            read_address <= image;
            read_beats <= 41'd1;
          end else if (!has_model) begin
            error <= E_NO_MODEL;
            state <= FINISH;
          end else state <= COUNT;
        end
        HEADER: if (!read_busy && !read_start) state <= HEADER_END;
        HEADER_END:
        if (read_failed || load_error != E_NONE) begin
          error <= read_failed ? E_BUS : load_error;
          state <= FINISH;
        end else begin
          state <= LOAD;
          read_start <= 1'b1;
          read_address <= {16'd0, image[47:0] + 48'd64};
          read_beats <= {9'd0, records + 32'd3} >> 2;
        end
        LOAD: if (!read_busy && !read_start && load_idle) state <= LOAD_END;
        LOAD_END: state <= LOAD_JUDGED;
        LOAD_JUDGED: begin
          if (read_failed || load_error != E_NONE) begin
            error <= read_failed ? E_BUS : load_error;
            state <= FINISH;
          end else begin
            has_model <= 1'b1;
            loaded_name <= image_name;
            state <= COUNT;
          end
        end
        COUNT: begin
          // the number of beats is a product and takes two cycles
          wait_count <= wait_count + 1'b1;
          if (n_windows == 0) state <= FINISH;
          else if (wait_count == 2'd2) begin
            state <= RUN;
            read_start <= 1'b1;
            read_address <= windows;
            read_beats <= run_beats;
          end
        end
        RUN: if (!read_busy && !read_start) state <= DRAIN;
        DRAIN:
        if ((heads_left == 0 && scores_left == 0 && !write_busy) || still[10]) begin
          state <= FINISH;
          if (read_failed || write_failed) error <= E_BUS;
          else if (heads_left != 0 || scores_left != 0) error <= E_LOST;
        end
        FINISH: state <= IDLE;
        default: state <= IDLE;
      endcase
    end
  end
endmodule
