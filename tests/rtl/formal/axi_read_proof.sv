// axi_read: a request stays until it is taken; requests together ask for exactly the beats that
// were ordered, one after the other and none twice; none crosses 4 KiB or has more than 16 beats;
// at most 8 are open; busy until the last beat is taken, and then nothing more is asked.
module axi_read_proof (
    input logic clk_i,
    input logic start_i,
    input logic [63:0] address_i,
    input logic [40:0] beats_i,
    input logic ready_i,
    input logic arready_i,
    input logic rvalid_i,
    input logic [7:0] rdata_i,
    input logic [1:0] rresp_i
);
  logic past = 1'b0;
  wire rst = !past;
  logic busy, failed, valid, arvalid, rready, rlast;
  logic [63:0] araddr;
  logic [7:0] arlen;
  logic [511:0] data;
  axi_read u_read (
      .clk_i, .rst_i(rst), .start_i, .address_i, .beats_i, .busy_o(busy), .failed_o(failed),
      .valid_o(valid), .ready_i, .data_o(data), .m_axi_arvalid_o(arvalid),
      .m_axi_arready_i(arready_i), .m_axi_araddr_o(araddr), .m_axi_arlen_o(arlen),
      .m_axi_rvalid_i(rvalid_i), .m_axi_rready_o(rready), .m_axi_rdata_i({504'd0, rdata_i}),
      .m_axi_rresp_i(rresp_i), .m_axi_rlast_i(rlast));
  // the memory: a queue of the lengths it was asked for
  logic [3:0] asked = 0, served = 0;  // bursts, modulo 16
  logic [7:0] length[16];
  logic [7:0] beat = 0;  // of the burst that is served
  wire open = asked != served;
  assign rlast = beat == length[served];
  logic [63:0] next;  // where the next request must begin
  logic [40:0] to_ask = 0, to_come = 0;
  logic held = 1'b0, spoilt = 1'b0;
  logic [71:0] old;
  always_comb begin
    if (rst) assume (!start_i);
    if (busy) assume (!start_i);
    // few beats, so that the whole of a run is looked at; from any place before any border
    assume (address_i[5:0] == 0 && beats_i != 0 && beats_i < 6 && address_i[63:13] == 0);
    if (!open) assume (!rvalid_i);
  end
  wire came = rvalid_i && rready;
  always_ff @(posedge clk_i) begin
    past <= 1'b1;
    if (!rst) begin
      held <= arvalid && !arready_i;
      old <= {araddr, arlen};
      if (start_i) begin
        next <= address_i;
        {to_ask, to_come} <= {beats_i, beats_i};
        spoilt <= 1'b0;
      end
      if (arvalid && arready_i) begin
        length[asked] <= arlen;
        asked <= asked + 1'b1;
        next <= next + {50'd0, {6'd0, arlen} + 14'd1, 6'd0};
        to_ask <= to_ask - {33'd0, arlen} - 41'd1;
      end
      if (came) begin
        to_come <= to_come - 1'b1;
        beat <= rlast ? 8'd0 : beat + 1'b1;
        if (rlast) served <= served + 1'b1;
        if (rresp_i != 0) spoilt <= 1'b1;
      end
    end
  end
  wire [3:0] n_open = asked - served;
  always_comb
    if (!rst) begin
      if (held) assert (arvalid && {araddr, arlen} == old);
      assert (n_open + {3'd0, arvalid} <= 8);
      if (arvalid) begin
        assert (araddr == next);
        assert (arlen < 16);
        assert (to_ask > {33'd0, arlen});
        assert ({1'b0, araddr[11:6]} + {1'b0, arlen[5:0]} < 64);
      end
      assert (busy == (to_come != 0));
      assert (valid == (rvalid_i && busy));
      if (valid) assert (data[7:0] == rdata_i);
      if (!busy) assert (!open && !arvalid);
      assert (failed == spoilt);
      cover (n_open == 2);
    end
endmodule
