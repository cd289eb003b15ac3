// axi_read: a request stays until it is taken; requests together ask for exactly the beats that
// were ordered, one after the other and none twice; none crosses 4 KiB or has more than 16 beats;
// at most 8 are open; busy until the last beat is taken, and then nothing more is asked. After a
// bad answer no beat is asked for any more, and busy ends when those that were have come.
module axi_read_proof (
    input logic clk_i,
    input logic start_i,
    input logic [63:0] address_i,
    input logic [40:0] beats_i,
    input logic ready_i,
    input logic arready_i,
    input logic rvalid_i,
    input logic rlast_i,
    input logic [7:0] rdata_i,
    input logic [1:0] rresp_i
);
  logic past = 1'b0;
  wire rst = !past;
  logic busy, failed, valid, arvalid, rready;
  logic [63:0] araddr;
  logic [7:0] arlen;
  logic [511:0] data;
  axi_read u_read (
      .clk_i, .rst_i(rst), .start_i, .address_i, .beats_i, .busy_o(busy), .failed_o(failed),
      .valid_o(valid), .ready_i, .data_o(data), .m_axi_arvalid_o(arvalid),
      .m_axi_arready_i(arready_i), .m_axi_araddr_o(araddr), .m_axi_arlen_o(arlen),
      .m_axi_rvalid_i(rvalid_i), .m_axi_rready_o(rready), .m_axi_rdata_i({504'd0, rdata_i}),
      .m_axi_rresp_i(rresp_i), .m_axi_rlast_i(rlast_i));
  // ordered and not asked for, ordered and not come; asked for and not come, in so many bursts
  logic [47:0] to_ask, to_come, owed, next;
  logic [7:0] bursts;
  logic held, spoilt;
  logic [71:0] old;
  wire asked = arvalid && arready_i;
  wire came = rvalid_i && rready;
  always_comb begin
    if (rst) assume (!start_i);
    if (busy) assume (!start_i);
    assume (address_i[5:0] == 0 && beats_i != 0);
    // The memory gives what was asked for, each burst at least one beat. That it may end them
    // where it likes is more than a memory does.
    if (owed == 0) assume (!rvalid_i);
    if (rvalid_i && rlast_i) assume ((owed == 1) == (bursts == 1));
    if (rvalid_i && !rlast_i) assume (owed > {40'd0, bursts});
  end
  always_ff @(posedge clk_i) begin
    past <= 1'b1;
    if (rst) begin
      {to_ask, to_come, owed, bursts, next} <= '0;
      {held, spoilt} <= '0;
    end else begin
      held <= arvalid && !arready_i;
      old <= {araddr, arlen};
      owed <= owed + (asked ? {40'd0, arlen} + 48'd1 : 48'd0) - {47'd0, came};
      bursts <= bursts + {7'd0, asked} - {7'd0, came && rlast_i};
      if (start_i) begin
        next <= address_i[47:0];
        {to_ask, to_come} <= {2{7'd0, beats_i}};
        spoilt <= 1'b0;
      end else begin
        if (asked) begin
          next <= next + {34'd0, {6'd0, arlen[7:0]} + 14'd1, 6'd0};
          to_ask <= to_ask - {40'd0, arlen} - 48'd1;
        end
        to_come <= to_come - {47'd0, came};
        if (came && rresp_i != 0) spoilt <= 1'b1;
      end
    end
  end
  always_comb
    if (!rst) begin
      if (held) assert (arvalid && {araddr, arlen} == old);
      assert (bursts + {7'd0, arvalid} <= 8);
      if (arvalid) begin
        assert (araddr == {16'd0, next});
        assert (arlen < 16);
        assert (to_ask > {40'd0, arlen});
        assert ({1'b0, araddr[11:6]} + {1'b0, arlen[5:0]} < 64);
      end
      if (!spoilt) assert (busy == (to_come != 0));
      if (!busy) assert (owed == 0 && bursts == 0 && !arvalid);
      assert (valid == (rvalid_i && busy));
      if (valid) assert (data[7:0] == rdata_i);
      assert (failed == spoilt);
      cover (bursts == 2);
    end
  // for the induction: what the module counts
  (* hierconn *) wire [40:0] \u_read.to_ask ;
  (* hierconn *) wire [40:0] \u_read.to_come ;
  (* hierconn *) wire [47:0] \u_read.address ;
  (* hierconn *) wire [3:0] \u_read.bursts ;
  (* hierconn *) wire \u_read.planned ;
  (* hierconn *) wire [4:0] \u_read.length ;
  wire [47:0] left = {7'd0, \u_read.to_ask }, awaited = {7'd0, \u_read.to_come };
  wire [47:0] offered = arvalid ? {40'd0, arlen} + 48'd1 : 48'd0;
  wire [47:0] border = {42'd0, \u_read.address [11:6]} + {43'd0, \u_read.length };
  always_comb
    if (!rst) begin
      assert (awaited == owed + offered + left && owed <= awaited && left <= awaited);
      assert (busy == (awaited != 0));
      assert ((owed == 0) == (bursts == 0) && owed >= {40'd0, bursts});
      assert (\u_read.bursts == bursts[3:0] + {3'd0, arvalid});
      assert (next[5:0] == 0);
      if (arvalid || left != 0 || \u_read.planned )
        assert (\u_read.address == next + (offered << 6));
      if (!spoilt) assert (to_ask == left + offered && to_come == awaited);
      else assert (to_ask >= offered);
      if (\u_read.planned && !failed) begin
        assert (\u_read.length != 0 && \u_read.length <= 16 && {43'd0, \u_read.length } <= left);
        assert (border <= 64);
      end
    end
endmodule
