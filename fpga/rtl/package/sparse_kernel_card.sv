// sparse_kernel_card: sparse_kernel with the port names that the vendor's packager looks for, and
// whole AXI4 ports: windows and images are only read, results are only written, and the other
// half of each is tied off.
module sparse_kernel_card #(
    parameter int N = 20,
    parameter int S = 1,
    parameter int F = 3,
    parameter int R = 1
) (
    input logic ap_clk,
    input logic ap_rst_n,
    input logic [11:0] s_axi_control_awaddr,
    input logic s_axi_control_awvalid,
    output logic s_axi_control_awready,
    input logic [31:0] s_axi_control_wdata,
    input logic [3:0] s_axi_control_wstrb,
    input logic s_axi_control_wvalid,
    output logic s_axi_control_wready,
    output logic [1:0] s_axi_control_bresp,
    output logic s_axi_control_bvalid,
    input logic s_axi_control_bready,
    input logic [11:0] s_axi_control_araddr,
    input logic s_axi_control_arvalid,
    output logic s_axi_control_arready,
    output logic [31:0] s_axi_control_rdata,
    output logic [1:0] s_axi_control_rresp,
    output logic s_axi_control_rvalid,
    input logic s_axi_control_rready,
    output logic [63:0] m_axi_windows_awaddr,
    output logic [7:0] m_axi_windows_awlen,
    output logic [2:0] m_axi_windows_awsize,
    output logic [1:0] m_axi_windows_awburst,
    output logic m_axi_windows_awvalid,
    input logic m_axi_windows_awready,
    output logic [511:0] m_axi_windows_wdata,
    output logic [63:0] m_axi_windows_wstrb,
    output logic m_axi_windows_wlast,
    output logic m_axi_windows_wvalid,
    input logic m_axi_windows_wready,
    input logic [1:0] m_axi_windows_bresp,
    input logic m_axi_windows_bvalid,
    output logic m_axi_windows_bready,
    output logic [63:0] m_axi_windows_araddr,
    output logic [7:0] m_axi_windows_arlen,
    output logic [2:0] m_axi_windows_arsize,
    output logic [1:0] m_axi_windows_arburst,
    output logic m_axi_windows_arvalid,
    input logic m_axi_windows_arready,
    input logic [511:0] m_axi_windows_rdata,
    input logic [1:0] m_axi_windows_rresp,
    input logic m_axi_windows_rlast,
    input logic m_axi_windows_rvalid,
    output logic m_axi_windows_rready,
    output logic [63:0] m_axi_results_awaddr,
    output logic [7:0] m_axi_results_awlen,
    output logic [2:0] m_axi_results_awsize,
    output logic [1:0] m_axi_results_awburst,
    output logic m_axi_results_awvalid,
    input logic m_axi_results_awready,
    output logic [31:0] m_axi_results_wdata,
    output logic [3:0] m_axi_results_wstrb,
    output logic m_axi_results_wlast,
    output logic m_axi_results_wvalid,
    input logic m_axi_results_wready,
    input logic [1:0] m_axi_results_bresp,
    input logic m_axi_results_bvalid,
    output logic m_axi_results_bready,
    output logic [63:0] m_axi_results_araddr,
    output logic [7:0] m_axi_results_arlen,
    output logic [2:0] m_axi_results_arsize,
    output logic [1:0] m_axi_results_arburst,
    output logic m_axi_results_arvalid,
    input logic m_axi_results_arready,
    input logic [31:0] m_axi_results_rdata,
    input logic [1:0] m_axi_results_rresp,
    input logic m_axi_results_rlast,
    input logic m_axi_results_rvalid,
    output logic m_axi_results_rready
);
  sparse_kernel #(.N(N), .S(S), .F(F), .R(R)) u_kernel (
      .clk_i(ap_clk), .rst_ni(ap_rst_n),
      .s_axi_awaddr_i(s_axi_control_awaddr), .s_axi_awvalid_i(s_axi_control_awvalid),
      .s_axi_awready_o(s_axi_control_awready), .s_axi_wdata_i(s_axi_control_wdata),
      .s_axi_wstrb_i(s_axi_control_wstrb), .s_axi_wvalid_i(s_axi_control_wvalid),
      .s_axi_wready_o(s_axi_control_wready), .s_axi_bresp_o(s_axi_control_bresp),
      .s_axi_bvalid_o(s_axi_control_bvalid), .s_axi_bready_i(s_axi_control_bready),
      .s_axi_araddr_i(s_axi_control_araddr), .s_axi_arvalid_i(s_axi_control_arvalid),
      .s_axi_arready_o(s_axi_control_arready), .s_axi_rdata_o(s_axi_control_rdata),
      .s_axi_rresp_o(s_axi_control_rresp), .s_axi_rvalid_o(s_axi_control_rvalid),
      .s_axi_rready_i(s_axi_control_rready), .m_axi_arvalid_o(m_axi_windows_arvalid),
      .m_axi_arready_i(m_axi_windows_arready), .m_axi_araddr_o(m_axi_windows_araddr),
      .m_axi_arlen_o(m_axi_windows_arlen), .m_axi_rvalid_i(m_axi_windows_rvalid),
      .m_axi_rready_o(m_axi_windows_rready), .m_axi_rdata_i(m_axi_windows_rdata),
      .m_axi_rresp_i(m_axi_windows_rresp), .m_axi_rlast_i(m_axi_windows_rlast),
      .m_axi_awvalid_o(m_axi_results_awvalid), .m_axi_awready_i(m_axi_results_awready),
      .m_axi_awaddr_o(m_axi_results_awaddr), .m_axi_wvalid_o(m_axi_results_wvalid),
      .m_axi_wready_i(m_axi_results_wready), .m_axi_wdata_o(m_axi_results_wdata),
      .m_axi_bvalid_i(m_axi_results_bvalid), .m_axi_bready_o(m_axi_results_bready),
      .m_axi_bresp_i(m_axi_results_bresp));

  // bursts of whole beats, addresses that count up
  assign {m_axi_windows_arsize, m_axi_windows_arburst} = {3'd6, 2'b01};
  assign {m_axi_windows_awaddr, m_axi_windows_awlen, m_axi_windows_awsize} = '0;
  assign {m_axi_windows_awburst, m_axi_windows_awvalid, m_axi_windows_wdata} = '0;
  assign {m_axi_windows_wstrb, m_axi_windows_wlast, m_axi_windows_wvalid} = '0;
  assign m_axi_windows_bready = 1'b1;

  // single words
  assign {m_axi_results_awlen, m_axi_results_awsize, m_axi_results_awburst} = {8'd0, 3'd2, 2'b01};
  assign {m_axi_results_wstrb, m_axi_results_wlast} = {4'hf, 1'b1};
  assign {m_axi_results_araddr, m_axi_results_arlen, m_axi_results_arsize} = '0;
  assign {m_axi_results_arburst, m_axi_results_arvalid} = '0;
  assign m_axi_results_rready = 1'b1;
endmodule
