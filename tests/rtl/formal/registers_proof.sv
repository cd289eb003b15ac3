// registers: every write and every read is answered once, and the answer stays until it is taken;
// a word that is written whole is what is read later; a start stays until the kernel says so, and
// done from the kernel's word until the host continues or starts.
module registers_proof (
    input logic clk_i,
    input logic awvalid_i,
    input logic [11:0] awaddr_i,
    input logic wvalid_i,
    input logic [31:0] wdata_i,
    input logic [3:0] wstrb_i,
    input logic bready_i,
    input logic arvalid_i,
    input logic [11:0] araddr_i,
    input logic rready_i,
    input logic ready_i,
    input logic done_i,
    input logic idle_i,
    input logic [7:0] error_i,
    input logic [31:0] cycles_i
);
  logic past = 1'b0;
  wire rst = !past;
  logic awready, wready, bvalid, arready, rvalid, start;
  logic [1:0] bresp, rresp;
  logic [31:0] rdata, n_windows, tag, image_bytes, image_name;
  logic [63:0] windows, results, image;
  registers u_registers (
      .clk_i, .rst_i(rst), .s_axi_awvalid_i(awvalid_i), .s_axi_awready_o(awready),
      .s_axi_awaddr_i(awaddr_i), .s_axi_wvalid_i(wvalid_i), .s_axi_wready_o(wready),
      .s_axi_wdata_i(wdata_i), .s_axi_wstrb_i(wstrb_i), .s_axi_bvalid_o(bvalid),
      .s_axi_bready_i(bready_i), .s_axi_bresp_o(bresp), .s_axi_arvalid_i(arvalid_i),
      .s_axi_arready_o(arready), .s_axi_araddr_i(araddr_i), .s_axi_rvalid_o(rvalid),
      .s_axi_rready_i(rready_i), .s_axi_rdata_o(rdata), .s_axi_rresp_o(rresp), .start_o(start),
      .ready_i, .done_i, .idle_i, .error_i, .cycles_i, .windows_o(windows), .results_o(results),
      .n_windows_o(n_windows), .tag_o(tag), .image_o(image), .image_bytes_o(image_bytes),
      .image_name_o(image_name));
  // the host: takes nothing back that it offers
  logic held_aw, held_w, held_ar, held_b, held_r;
  logic [11:0] old_aw, old_ar;
  logic [35:0] old_w;
  logic [31:0] old_r;
  always_comb begin
    if (rst) assume (!awvalid_i && !wvalid_i && !arvalid_i);
    if (held_aw) assume (awvalid_i && awaddr_i == old_aw);
    if (held_w) assume (wvalid_i && {wdata_i, wstrb_i} == old_w);
    if (held_ar) assume (arvalid_i && araddr_i == old_ar);
  end
  // what was written last to one register, any one
  (* anyconst *) logic [3:0] which;
  logic [11:0] mine;
  always_comb
    case (which)
      4'd0: mine = 12'h010;
      4'd1: mine = 12'h014;
      4'd2: mine = 12'h01c;
      4'd3: mine = 12'h020;
      4'd4: mine = 12'h028;
      4'd5: mine = 12'h030;
      4'd6: mine = 12'h038;
      4'd7: mine = 12'h03c;
      4'd8: mine = 12'h044;
      default: mine = 12'h048;
    endcase
  logic [31:0] word;
  logic got_aw, got_w;
  logic [11:0] aw;
  logic [35:0] w;
  logic [3:0] reads;  // answers that are owed
  logic started, ended, asked_mine, asked_control, ended_then, started_then;
  logic [31:0] mine_then;
  wire write = got_aw && got_w && !bvalid;
  wire control = write && aw == 0 && w[0];
  always_ff @(posedge clk_i) begin
    past <= 1'b1;
    if (rst) begin
      {held_aw, held_w, held_ar, held_b, held_r, got_aw, got_w, word, reads} <= '0;
      {started, ended, asked_mine, asked_control} <= '0;
    end else begin
      {held_aw, old_aw} <= {awvalid_i && !awready, awaddr_i};
      {held_w, old_w} <= {wvalid_i && !wready, wdata_i, wstrb_i};
      {held_ar, old_ar} <= {arvalid_i && !arready, araddr_i};
      held_b <= bvalid && !bready_i;
      {held_r, old_r} <= {rvalid && !rready_i, rdata};
      if (awvalid_i && awready) {got_aw, aw} <= {1'b1, awaddr_i};
      if (wvalid_i && wready) {got_w, w} <= {1'b1, wdata_i, wstrb_i};
      if (write) {got_aw, got_w} <= 2'b00;
      if (write && aw == mine && w[3:0] == 4'hf) word <= w[35:4];
      if (control && w[4]) started <= 1'b1;
      else if (ready_i) started <= 1'b0;
      if (done_i) ended <= 1'b1;
      else if (control && (w[4] || w[8])) ended <= 1'b0;
      reads <= reads + {3'd0, arvalid_i && arready} - {3'd0, rvalid && rready_i};
      if (arvalid_i && arready) begin
        asked_mine <= araddr_i == mine;
        mine_then <= word;
        asked_control <= araddr_i == 0;
        {ended_then, started_then} <= {ended, started};
      end
    end
  end
  logic [31:0] seen;
  always_comb
    case (which)
      4'd0: seen = windows[31:0];
      4'd1: seen = windows[63:32];
      4'd2: seen = results[31:0];
      4'd3: seen = results[63:32];
      4'd4: seen = n_windows;
      4'd5: seen = tag;
      4'd6: seen = image[31:0];
      4'd7: seen = image[63:32];
      4'd8: seen = image_bytes;
      default: seen = image_name;
    endcase
  always_comb
    if (!rst) begin
      if (held_b) assert (bvalid);
      if (held_r) assert (rvalid && rdata == old_r);
      assert (rvalid == (reads != 0) && reads <= 1);
      assert (!(awready && got_aw) && !(wready && got_w));
      assert (seen == word);
      if (rvalid && asked_mine) assert (rdata == mine_then);
      if (rvalid && asked_control)
        assert (rdata[1] == ended_then && rdata[3] == ended_then && rdata[0] == started_then);
      assert (start == started);
      assert (bresp == 0 && rresp == 0);
      cover (rvalid && asked_mine && rdata == 32'h12345678 && bvalid);
    end
  // for the induction: what the module keeps
  (* hierconn *) wire \u_registers.have_address , \u_registers.have_data , \u_registers.done ;
  (* hierconn *) wire [11:0] \u_registers.address ;
  (* hierconn *) wire [31:0] \u_registers.data ;
  (* hierconn *) wire [3:0] \u_registers.strobe ;
  always_comb
    if (!rst) begin
      assert (\u_registers.have_address == got_aw && \u_registers.have_data == got_w);
      if (got_aw) assert (\u_registers.address == aw);
      if (got_w) assert ({\u_registers.data , \u_registers.strobe } == w);
      assert (\u_registers.done == ended);
    end
  // an accepted pair is answered at once: nothing waits for ever
  logic pair = 1'b0;
  always_ff @(posedge clk_i) begin
    pair <= !rst && write;
    if (!rst && pair) assert (bvalid);
  end
endmodule
