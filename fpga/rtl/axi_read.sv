// axi_read: a run of beats from memory, in bursts of at most 16 beats that cross no 4 KiB
// border, at most 8 of them open. The data pass straight through; a bad answer is remembered,
// and nothing more is asked for: what is open still comes. A burst is planned in one cycle and
// asked for in another. Addresses have 48 bits.
module axi_read (
    input logic clk_i,
    input logic rst_i,
    input logic start_i,  // only while !busy_o
    input logic [63:0] address_i,  // a multiple of 64; 48 bits of it
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
  logic [47:0] address;
  logic [40:0] to_ask, to_come;
  logic [3:0] bursts;
  wire [6:0] to_border = 7'd64 - {1'b0, address[11:6]};
  wire [6:0] most = to_border < 7'd16 ? to_border : 7'd16;
  wire rest = to_ask[40:5] == 0 && to_ask[4:0] < most[4:0];
  logic planned;
  logic [4:0] length;
  wire asked = m_axi_arvalid_o && m_axi_arready_i;
  wire came = m_axi_rvalid_i && m_axi_rready_o;
  wire ask = planned && !failed_o && bursts < 4'd8 && (!m_axi_arvalid_o || m_axi_arready_i);
  assign valid_o = m_axi_rvalid_i && busy_o;
  assign m_axi_rready_o = ready_i && busy_o;
  assign data_o = m_axi_rdata_i;
  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      to_ask <= '0;
      to_come <= '0;
      bursts <= '0;
      busy_o <= 1'b0;
      planned <= 1'b0;
      m_axi_arvalid_o <= 1'b0;
      failed_o <= 1'b0;
    end else if (start_i) begin
      address <= address_i[47:0];
      to_ask <= beats_i;
      to_come <= beats_i;
      busy_o <= 1'b1;
      planned <= 1'b0;
      failed_o <= 1'b0;
    end else begin
      if (!planned) length <= rest ? to_ask[4:0] : most[4:0];
      planned <= planned ? !ask : to_ask != 0;
      if (ask) begin
        m_axi_arvalid_o <= 1'b1;
        m_axi_araddr_o <= {16'd0, address};
        m_axi_arlen_o <= {3'd0, length - 5'd1};
        address <= address + {37'd0, length, 6'd0};
      end else if (asked) m_axi_arvalid_o <= 1'b0;
      if (failed_o && !came) to_ask <= '0;
      else if (ask) to_ask <= to_ask - {36'd0, length};
      to_come <= to_come - (came ? 41'd1 : failed_o ? to_ask : 41'd0);
      if (came ? to_come == 41'd1 : failed_o && to_ask == to_come) busy_o <= 1'b0;
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
