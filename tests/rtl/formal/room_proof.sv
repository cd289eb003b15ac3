// room: the kernel's queues of results have room for all that is on its way, so that nothing behind
// the input ever waits: no more than 16 windows are without all their scores, a score and a number
// of active pixels is never put into a full queue (fifo asserts it) nor taken from an empty one.
//
// The kernel without its parts: registers, loader, ports and core do whatever they like, but
//   - a window ends only where the core was told that there is room, and brings `outputs` scores,
//     some time later; its active pixels are counted once, at the earliest when the window before
//     it has ended (a list tells them in its first beat);
//   - the core has nothing of an earlier run in it when a run begins (runs end when all is written).
module room_proof (
    input logic clk_i,
    input logic rst_ni
);
  logic past = 1'b0;
  always_ff @(posedge clk_i) past <= 1'b1;
  sparse_kernel u_kernel (.clk_i, .rst_ni);

  (* hierconn *) wire \u_kernel.rst , \u_kernel.ended , \u_kernel.counted , \u_kernel.score_valid ;
  (* hierconn *) wire \u_kernel.room , \u_kernel.core_ready , \u_kernel.read_valid ;
  (* hierconn *) wire [3:0] \u_kernel.state , \u_kernel.outputs , \u_kernel.score_j , \u_kernel.last_j ;
  (* hierconn *) wire [5:0] \u_kernel.flying , \u_kernel.headless ;
  (* hierconn *) wire \u_kernel.head_take ;
  (* hierconn *) wire [5:0] \u_kernel.u_heads.head , \u_kernel.u_heads.tail ;
  (* hierconn *) wire [8:0] \u_kernel.u_scores.head , \u_kernel.u_scores.tail ;
  wire clear = \u_kernel.rst || \u_kernel.state == 1;  // CHECK: queues and core begin anew

  // ---- the core: scores that it owes, windows counted more than ended ----
  (* anyconst *) logic [3:0] outputs;
  logic [8:0] owed;
  logic signed [5:0] ahead;
  always_comb begin
    if (!past) assume (\u_kernel.rst );
    assume (outputs >= 1 && outputs <= 10 && \u_kernel.outputs == outputs);
    if (clear) assume (!\u_kernel.ended );
    if (\u_kernel.ended ) assume (\u_kernel.room && \u_kernel.core_ready );
    if (owed == 0) assume (!\u_kernel.score_valid );
    if (ahead > 0) assume (!\u_kernel.counted );
  end
  always_ff @(posedge clk_i)
    if (clear) begin
      owed <= '0;
      ahead <= '0;
    end else begin
      owed <= owed + (\u_kernel.ended ? {5'd0, outputs} : 9'd0) - {8'd0, \u_kernel.score_valid };
      ahead <= ahead + {5'd0, \u_kernel.counted } - {5'd0, \u_kernel.ended };
    end

  wire signed [5:0] headless = \u_kernel.headless ;
  wire [5:0] heads = \u_kernel.u_heads.tail - \u_kernel.u_heads.head ;
  wire [8:0] scores = \u_kernel.u_scores.tail - \u_kernel.u_scores.head ;
  logic settled = 1'b0;  // what has no reset is right
  always_ff @(posedge clk_i) settled <= 1'b1;
  always_comb
    if (settled && !clear) begin
      assert (\u_kernel.flying <= 16);
      assert (scores <= 160 && heads <= 17);
      // for the induction
      assert (\u_kernel.last_j == outputs - 4'd1 && \u_kernel.score_j < outputs);
      assert (owed <= 160);
      assert ({1'b0, scores} + {1'b0, owed} + {6'd0, \u_kernel.score_j } ==
              {4'd0, \u_kernel.flying } * {6'd0, outputs});
      assert (ahead <= 1 && headless <= 16 && headless >= -1);
      assert (ahead >= -17 && heads == headless + ahead);
      cover (\u_kernel.flying == 2 && scores == 3);
    end
endmodule
