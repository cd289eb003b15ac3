// axi_write: an offered address or word stays, unchanged, until it is taken; every word that was
// accepted goes out once, in its order, with its own address; busy until the last is answered, and
// never more than 63 without an answer.
module axi_write_proof (
    input logic clk_i,
    input logic clear_i,
    input logic valid_i,
    input logic [63:0] address_i,
    input logic [31:0] data_i,
    input logic awready_i,
    input logic wready_i,
    input logic bvalid_i,
    input logic [1:0] bresp_i
);
  logic past = 1'b0;
  wire rst = !past;
  logic ready, busy, failed, awvalid, wvalid, bready;
  logic [63:0] awaddr;
  logic [31:0] wdata;
  axi_write u_write (
      .clk_i, .rst_i(rst), .clear_i, .valid_i, .ready_o(ready), .address_i, .data_i,
      .busy_o(busy), .failed_o(failed), .m_axi_awvalid_o(awvalid), .m_axi_awready_i(awready_i),
      .m_axi_awaddr_o(awaddr), .m_axi_wvalid_o(wvalid), .m_axi_wready_i(wready_i),
      .m_axi_wdata_o(wdata), .m_axi_bvalid_i(bvalid_i), .m_axi_bready_o(bready),
      .m_axi_bresp_i(bresp_i));
  // Accepted words whose address, whose data are not out and which are not answered; the one that
  // was accepted last. A next one is accepted only when both parts of it are out, so that those of
  // an order are never mixed.
  logic [7:0] no_address, no_data, no_answer;
  logic [63:0] address;
  logic [31:0] data;
  logic held_aw, held_w, spoilt;
  logic [63:0] old_address;
  logic [31:0] old_data;
  wire put = valid_i && ready;
  // the memory answers what it took, both parts of it, and nothing else
  always_comb begin
    if (rst) assume (!valid_i);
    if (no_answer == no_address || no_answer == no_data) assume (!bvalid_i);
  end
  always_ff @(posedge clk_i) begin
    past <= 1'b1;
    if (rst) begin
      {no_address, no_data, no_answer} <= '0;
      {held_aw, held_w, spoilt} <= '0;
    end else begin
      no_address <= no_address + {7'd0, put} - {7'd0, awvalid && awready_i};
      no_data <= no_data + {7'd0, put} - {7'd0, wvalid && wready_i};
      no_answer <= no_answer + {7'd0, put} - {7'd0, bvalid_i && bready};
      if (put) {address, data} <= {address_i, data_i};
      held_aw <= awvalid && !awready_i;
      held_w <= wvalid && !wready_i;
      {old_address, old_data} <= {awaddr, wdata};
      spoilt <= !clear_i && (spoilt || (bvalid_i && bresp_i != 0));
    end
  end
  always_comb
    if (!rst) begin
      if (held_aw) assert (awvalid && awaddr == old_address);
      if (held_w) assert (wvalid && wdata == old_data);
      assert (no_address == {7'd0, awvalid});
      assert (no_data == {7'd0, wvalid});
      if (awvalid) assert (awaddr == address);
      if (wvalid) assert (wdata == data);
      assert (busy == (no_answer != 0));
      assert (no_answer <= 63 && no_answer >= no_address && no_answer >= no_data);
      assert (failed == spoilt);
      cover (no_answer == 3);
    end
  // for the induction: what the module counts
  (* hierconn *) wire [6:0] \u_write.open ;
  always_comb if (!rst) assert (no_answer == {1'b0, \u_write.open });
endmodule
