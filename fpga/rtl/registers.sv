// registers: the AXI4-Lite port of the kernel, ap_ctrl_chain.
//     0x00 control  [0] start [1] done [2] idle [3] ready [4] continue
//     0x10 windows (64 bits)   0x1c results (64 bits)   0x28 number of windows   0x30 tag
//     0x38 image (64 bits)     0x44 bytes of the image; 0: the loaded one stays
//     0x48 name of the image: any number; a start loads the image whose name is not the loaded
//          one's. A host writes all of its arguments at each start, and costs no loading
//     0x4c error (read only): sparse_pkg, E_*   0x50 cycles of the last run (read only)
// A read or a write at a time; addresses that are not listed read 0 and write nothing.
module registers (
    input logic clk_i,
    input logic rst_i,
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
    output logic start_o,  // stays until ready_i
    input logic ready_i,
    input logic done_i,  // for a cycle
    input logic idle_i,
    input logic [7:0] error_i,
    input logic [31:0] cycles_i,
    output logic [63:0] windows_o,
    output logic [63:0] results_o,
    output logic [31:0] n_windows_o,
    output logic [31:0] tag_o,
    output logic [63:0] image_o,
    output logic [31:0] image_bytes_o,
    output logic [31:0] image_name_o
);
  logic done, have_address, have_data;
  logic [11:0] address;
  logic [31:0] data;
  logic [3:0] strobe;
  assign s_axi_awready_o = !have_address && !s_axi_bvalid_o;
  assign s_axi_wready_o = !have_data && !s_axi_bvalid_o;
  assign s_axi_bresp_o = 2'b00;
  assign s_axi_rresp_o = 2'b00;
  assign s_axi_arready_o = !s_axi_rvalid_o;
  wire write = have_address && have_data && !s_axi_bvalid_o;
  wire whole = strobe == 4'hf;
  wire control = write && address == 12'h000 && strobe[0];

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      {have_address, have_data, s_axi_bvalid_o, s_axi_rvalid_o, start_o, done} <= '0;
      {windows_o, results_o, n_windows_o, tag_o, image_o, image_bytes_o, image_name_o} <= '0;
    end else begin
      if (s_axi_awvalid_i && s_axi_awready_o) {have_address, address} <= {1'b1, s_axi_awaddr_i};
      if (s_axi_wvalid_i && s_axi_wready_o)
        {have_data, data, strobe} <= {1'b1, s_axi_wdata_i, s_axi_wstrb_i};
      if (write) {have_address, have_data, s_axi_bvalid_o} <= 3'b001;
      else if (s_axi_bready_i) s_axi_bvalid_o <= 1'b0;

      if (control && data[0]) start_o <= 1'b1;
      else if (ready_i) start_o <= 1'b0;
      if (done_i) done <= 1'b1;
      else if (control && (data[4] || data[0])) done <= 1'b0;

      if (write && whole)
        case (address)
          12'h010: windows_o[31:0] <= data;
          12'h014: windows_o[63:32] <= data;
          12'h01c: results_o[31:0] <= data;
          12'h020: results_o[63:32] <= data;
          12'h028: n_windows_o <= data;
          12'h030: tag_o <= data;
          12'h038: image_o[31:0] <= data;
          12'h03c: image_o[63:32] <= data;
          12'h044: image_bytes_o <= data;
          12'h048: image_name_o <= data;
          default: ;
        endcase

      if (s_axi_arvalid_i && s_axi_arready_o) begin
        s_axi_rvalid_o <= 1'b1;
        case (s_axi_araddr_i)
          12'h000: s_axi_rdata_o <= {28'd0, done, idle_i, done, start_o};
          12'h010: s_axi_rdata_o <= windows_o[31:0];
          12'h014: s_axi_rdata_o <= windows_o[63:32];
          12'h01c: s_axi_rdata_o <= results_o[31:0];
          12'h020: s_axi_rdata_o <= results_o[63:32];
          12'h028: s_axi_rdata_o <= n_windows_o;
          12'h030: s_axi_rdata_o <= tag_o;
          12'h038: s_axi_rdata_o <= image_o[31:0];
          12'h03c: s_axi_rdata_o <= image_o[63:32];
          12'h044: s_axi_rdata_o <= image_bytes_o;
          12'h048: s_axi_rdata_o <= image_name_o;
          12'h04c: s_axi_rdata_o <= {24'd0, error_i};
          12'h050: s_axi_rdata_o <= cycles_i;
          default: s_axi_rdata_o <= '0;
        endcase
      end else if (s_axi_rready_i) s_axi_rvalid_o <= 1'b0;
    end
  end

`ifndef SYNTHESIS
  // an answer stays, and unchanged, until it is taken
  logic held_b, held_r;
  logic [31:0] held_data;
  always_ff @(posedge clk_i) begin
    held_b <= !rst_i && s_axi_bvalid_o && !s_axi_bready_i;
    held_r <= !rst_i && s_axi_rvalid_o && !s_axi_rready_i;
    held_data <= s_axi_rdata_o;
    if (!rst_i) begin
      if (held_b) assert (s_axi_bvalid_o);
      if (held_r) assert (s_axi_rvalid_o && s_axi_rdata_o == held_data);
    end
  end
`endif
endmodule
