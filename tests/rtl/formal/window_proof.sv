// window: a window ends only where there is room, when all of its beats were taken, and at least
// the pace after the one before; within a window the input always takes. The pixels' way behind it
// is left out: it has no part in this.
module window_proof (
    input logic clk_i,
    input logic valid_i,
    input logic room_i,
    input logic [511:0] beat_i
);
  logic [1:0] past = '0;
  wire rst = past < 2;
  wire settled = past == 2;
  (* anyconst *) logic [8:0] beats;
  (* anyconst *) logic [7:0] pace;
  (* anyconst *) logic [1:0] form;
  logic ready, ended;
  window_input #(.N(8)) u_input (
      .clk_i, .rst_i(rst), .form_i(form), .slots_i(4'd8), .beats_i(beats), .last_lanes_i(7'd64),
      .width_i(7'd64), .threshold_i(17'd0), .signed_i(1'b0), .type_i(48'd0), .pace_i(pace),
      .room_i, .valid_i, .ready_o(ready), .beat_i, .ended_o(ended));
  logic [8:0] taken;   // of the window that comes
  logic [8:0] since;   // the last end, saturated
  wire take = valid_i && ready;
  always_comb begin
    assume (beats >= 1 && beats <= 128 && pace >= 10);
    if (!settled) assume (!valid_i);
  end
  always_ff @(posedge clk_i) begin
    if (past != 2) past <= past + 1'b1;
    if (rst) begin
      taken <= '0;
      since <= 9'd511;
    end else begin
      if (take) taken <= ended ? 9'd0 : taken + 9'd1;
      since <= ended ? 9'd1 : since == 9'd511 ? since : since + 9'd1;
    end
  end
  always_comb
    if (settled) begin
      if (ended) assert (room_i && valid_i && taken == beats - 9'd1 && since >= {1'b0, pace});
      if (valid_i && !ready) assert (taken == beats - 9'd1 && (!room_i || since < {1'b0, pace}));
      assert (taken < beats);
      cover (ended && taken == 2 && since == 12);
    end
  // for the induction
  (* hierconn *) wire [8:0] \u_input.beat , \u_input.left ;
  (* hierconn *) wire [7:0] \u_input.pace ;
  (* hierconn *) wire \u_input.last ;
  wire [8:0] to_wait = {1'b0, \u_input.pace };
  always_comb begin
    assert (past <= 2);
    if (past == 1) assert (\u_input.beat == 0);
    if (settled) begin
      assert (\u_input.beat == taken && \u_input.left == beats - taken);
      assert (\u_input.last == (taken == beats - 9'd1));
      assert (to_wait < {1'b0, pace} && (since + to_wait == {1'b0, pace} || (since > {1'b0, pace} && to_wait == 0)));
    end
  end
endmodule
