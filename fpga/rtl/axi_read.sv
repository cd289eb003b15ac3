// axi_read: a run of beats from memory, in bursts of at most 16 beats that cross no 4 KiB
// border, at most 8 of them open. The data pass straight through; a bad answer is remembered,
// and nothing more is asked for: what is open still comes.
module axi_read (
    input logic clk_i,
    input logic rst_i,
    input logic start_i,  // only while !busy_o
    input logic [63:0] address_i,  // a multiple of 64
    input logic [40:0] beats_i,  // at least 1
    output logic busy_o,  // until the last beat is taken
    output logic failed_o,  // sticky until start_i
    output logic valid_o,
    input logic ready_i,
    output logic [511:0] data_o,
    output logic m_axi_arvalid_o,
    input logic m_axi_arready_i,
    output logic [63:0] m_axi_araddr_o,
    output logic [7:0] m_axi_arlen_o,
    input logic m_axi_rvalid_i,
    output logic m_axi_rready_o,
    input logic [511:0] m_axi_rdata_i,
    input logic [1:0] m_axi_rresp_i,
    input logic m_axi_rlast_i
);
  logic [63:0] address;
  logic [40:0] to_ask, to_come;
  logic [3:0] bursts;
  wire [6:0] to_border = 7'd64 - {1'b0, address[11:6]};
  wire [6:0] most = to_border < 7'd16 ? to_border : 7'd16;
  wire [6:0] length = to_ask < {34'd0, most} ? to_ask[6:0] : most;
  wire asked = m_axi_arvalid_o && m_axi_arready_i;
  wire came = m_axi_rvalid_i && m_axi_rready_o;
  wire ask = to_ask != 0 && !failed_o && bursts < 4'd8 && (!m_axi_arvalid_o || m_axi_arready_i);
  assign busy_o = to_come != 0;
  assign valid_o = m_axi_rvalid_i && busy_o;
  assign m_axi_rready_o = ready_i && busy_o;
  assign data_o = m_axi_rdata_i;
  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      to_ask <= '0;
      to_come <= '0;
      bursts <= '0;
      m_axi_arvalid_o <= 1'b0;
      failed_o <= 1'b0;
    end else if (start_i) begin
      address <= address_i;
      to_ask <= beats_i;
      to_come <= beats_i;
      failed_o <= 1'b0;
    end else begin
      if (ask) begin
        m_axi_arvalid_o <= 1'b1;
        m_axi_araddr_o <= address;
        m_axi_arlen_o <= {1'b0, length - 7'd1};
        address <= address + {51'd0, length, 6'd0};
        to_ask <= to_ask - {34'd0, length};
      end else if (asked) m_axi_arvalid_o <= 1'b0;
      to_come <= to_come - {40'd0, came} - (failed_o ? to_ask : 41'd0);
      if (failed_o) to_ask <= '0;
      if (came && m_axi_rresp_i != 2'b00) failed_o <= 1'b1;
      bursts <= bursts + {3'd0, ask} - {3'd0, came && m_axi_rlast_i};
    end
  end

`ifndef SYNTHESIS
  // a request stays until it is taken, and crosses no border
  always_ff @(posedge clk_i)
    if (!rst_i) begin
      assert (!(start_i && busy_o));
      if (m_axi_arvalid_o)
        assert ({1'b0, m_axi_araddr_o[11:6]} + {1'b0, m_axi_arlen_o[5:0]} < 7'd64);
    end
`endif
endmodule
