from apscheduler.schedulers.background import BackgroundScheduler


def job():
    pass


def started():
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.add_job(job, "interval", hours=1)
    scheduler.start()
    return scheduler


def test_leak():
    assert started().running


def test_ok():
    scheduler = started()
    assert scheduler.running
    scheduler.shutdown()
