// axi_write: an offered address or word stays, unchanged, until it is taken; every word that was
// accepted goes out once, in its order, with its own address; busy until the last is answered.
module axi_write_proof (
    input logic clk_i,
    input logic clear_i,
    input logic valid_i,
    input logic [63:0] address_i,
    input logic [31:0] data_i,
    input logic awready_i,
    input logic wready_i,
    input logic bvalid_i,
    input logic [1:0] bresp_i,
    input logic follow_i
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
  // accepted, addresses and words out, answers in; followed: number `mine`
  logic [15:0] n = 0, n_aw = 0, n_w = 0, n_b = 0, mine;
  logic followed = 1'b0;
  logic [63:0] address;
  logic [31:0] data;
  logic held_aw = 1'b0, held_w = 1'b0, spoilt = 1'b0;
  logic [63:0] old_address;
  logic [31:0] old_data;
  // the memory answers what it took, both parts of it, and nothing else
  always_comb begin
    if (rst) assume (!valid_i);
    if (n_b >= n_aw || n_b >= n_w) assume (!bvalid_i);
  end
  always_ff @(posedge clk_i) begin
    past <= 1'b1;
    if (!rst) begin
      n <= n + {15'd0, valid_i && ready};
      n_aw <= n_aw + {15'd0, awvalid && awready_i};
      n_w <= n_w + {15'd0, wvalid && wready_i};
      n_b <= n_b + {15'd0, bvalid_i && bready};
      if (valid_i && ready && follow_i && !followed) begin
        {followed, mine, address, data} <= {1'b1, n, address_i, data_i};
      end
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
      assert (n == n_aw + {15'd0, awvalid});
      assert (n == n_w + {15'd0, wvalid});
      assert (busy == (n != n_b));
      assert (n - n_b <= 63);
      assert (failed == spoilt);
      if (followed && awvalid && n_aw == mine) assert (awaddr == address);
      if (followed && wvalid && n_w == mine) assert (wdata == data);
      cover (n - n_b == 3);
    end
endmodule
