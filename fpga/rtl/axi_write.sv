// axi_write: single words to memory, one a cycle where the memory takes them, up to 63 without
// an answer. Address and data are offered together and each waits for its own ready.
module axi_write (
    input logic clk_i,
    input logic rst_i,
    input logic clear_i,  // forgets a failure
    input logic valid_i,
    output logic ready_o,
    input logic [63:0] address_i,
    input logic [31:0] data_i,
    output logic busy_o,  // something is not answered
    output logic failed_o,
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
  logic [6:0] open;
  wire free = (!m_axi_awvalid_o || m_axi_awready_i) && (!m_axi_wvalid_o || m_axi_wready_i);
  assign ready_o = free && open < 7'd63;
  assign busy_o = open != 0;
  assign m_axi_bready_o = 1'b1;
  wire put = valid_i && ready_o;
  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      m_axi_awvalid_o <= 1'b0;
      m_axi_wvalid_o <= 1'b0;
      open <= '0;
      failed_o <= 1'b0;
    end else begin
      if (put) m_axi_awvalid_o <= 1'b1;
      else if (m_axi_awready_i) m_axi_awvalid_o <= 1'b0;
      if (put) m_axi_wvalid_o <= 1'b1;
      else if (m_axi_wready_i) m_axi_wvalid_o <= 1'b0;
      open <= open + {6'd0, put} - {6'd0, m_axi_bvalid_i && busy_o};
      if (clear_i) failed_o <= 1'b0;
      else if (m_axi_bvalid_i && m_axi_bresp_i != 2'b00) failed_o <= 1'b1;
    end
    if (put) {m_axi_awaddr_o, m_axi_wdata_o} <= {address_i, data_i};
  end
endmodule
